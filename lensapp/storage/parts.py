"""The members of a part of a dataset version, or of the parts that a fold of a cross-validation makes."""

from collections.abc import Sequence

import numpy as np

from lensapp.core.split.folds import Fold, assign_folds, in_part
from lensapp.storage.database import Database
from lensapp.storage.datasets import member_columns
from lensapp.storage.queries import Columns

KIND = "object_class"


def part_members(
    database: Database, dataset_id: int, part: str, *, fold: Fold | None = None, extra: Sequence[str] = ()
) -> Columns:
    """Return the members of a part as `lensapp.storage.datasets.member_columns` does.

    Parameters
    ----------
    part
        "train", "validation" or "test".
    fold
        Makes this fold of the development members (training and validation parts) the validation part,
        and the others the training part; the test part is the same for all folds.
    extra
        Further columns of the cutouts.

    Raises
    ------
    InvalidInput
        When the dataset cannot be dealt to so many folds, or there is no such fold.
    """
    if fold is None or part == "test":
        return member_columns(database, dataset_id, part=part, extra=extra)
    members = member_columns(database, dataset_id, extra=sorted({*extra, KIND}))
    kinds = [f"{label}/{kind}" for label, kind in zip(members["label"], members[KIND], strict=True)]
    assigned = assign_folds(
        members["part"],
        members["label"],
        members["group_id"],
        members["fold"],
        kinds=np.array(kinds, object),
        folds=fold.of,
        seed=fold.seed,
    )
    chosen = in_part(assigned, part=part, fold=fold)
    return {name: column[chosen] for name, column in members.items() if name != KIND or KIND in extra}
