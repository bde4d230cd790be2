"""What makes a dataset version: its name, its counts, its checksum, and what changed since its parent."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import ABSENT, rows_of
from lensapp.core.errors import InvalidInput
from lensapp.core.split.splits import HELD_OUT, LABELS, PARTS, SECOND_TEST, SplitSpec
from lensapp.storage import datasets, sources
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset
from lensapp.storage.workspace import Workspace

LONGEST_STEM = 80
LONGEST_JOINED = 21  # with a number of the version 24
LONGEST_FIRST = 12  # of the first of several names that are too long together
Counts = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Changes:
    """Members that a version has, lacks or labels differently than its parent, by part or as text."""

    added: dict[str, int]
    removed: dict[str, int]
    relabelled: dict[str, int]
    moved: int
    test_unchanged: bool

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.removed or self.relabelled or self.moved)


def joined_name(names: Sequence[str]) -> str:
    """Return one short name of several: each word of theirs once, or the first name and how many others."""
    joined, seen = names[0], set(words_of(names[0]))
    for name in names[1:]:
        new = [word for word in words_of(name) if word not in seen]
        seen.update(new)
        joined = "_".join([joined, *new])
    if len(joined) <= LONGEST_JOINED or len(names) == 1:
        return joined
    first = names[0] if len(names[0]) <= LONGEST_FIRST else names[0][:LONGEST_FIRST].rstrip("._-")
    return f"{first}-and-{len(names) - 1}-more"


def words_of(name: str) -> list[str]:
    """Return the words of a name, which stand between points, hyphens and underscores."""
    return [word for word in re.split(r"[._-]+", name) if word]


def next_name(ws: Workspace, stem: str) -> str:
    """Return `stem`-v1, or the next version's number where versions exist."""
    short = stem[:LONGEST_STEM]
    taken = {dataset.name for dataset in datasets.list_datasets(ws.database, without_sources=True)}
    return next(name for number in count(1) if (name := f"{short}-v{number}") not in taken)


def stem_of(name: str) -> str:
    """Return the name of a version without its number."""
    stem, dash, number = name.rpartition("-v")
    return stem if dash and number.isdigit() else name


def count_parts(part: NDArray[Any], label: NDArray[Any]) -> Counts:
    """Return part -> label -> number, with a zero for each part and label that has none.

    The second test part is counted only where there is one.
    """
    kinds = {kind: label == kind for kind in LABELS}
    parts = {name: part == name for name in (*PARTS, SECOND_TEST)}
    if not parts[SECOND_TEST].any():
        del parts[SECOND_TEST]
    return {
        name: {kind: int(np.count_nonzero(of_part & of_kind)) for kind, of_kind in kinds.items()}
        for name, of_part in parts.items()
    }


def require_both_classes(counts: Counts, spec: SplitSpec, *, one_label: bool = False) -> None:
    """Raise InvalidInput when a part that `spec` asks for lacks lenses or non-lenses.

    With `one_label` a label that no part has may be absent: values are learnt from lenses alone.
    """
    asked = [name for name in PARTS if name != "validation" or spec.validation or any(counts[name].values())]
    for name in asked:
        for kind in LABELS:
            total = sum(counts[other][kind] for other in PARTS)
            if not counts[name][kind] and (total or not one_label):
                raise InvalidInput(
                    f"There is no {kind} in the {name} part ({total} in all), and each part needs at least "
                    "one. Label more cutouts, enlarge the part, or lower the group radius and the "
                    "near-duplicate tolerance."
                )


def checksum_of_members(rows: Iterable[tuple[str, str, str, str, int | None, str | None]]) -> str:
    """Return the SHA-256 of members given as source, candidate ID, part, label, fold and pixel digest.

    Each member is one line of JSON and the lines are sorted, so the order of the rows is no matter.
    """
    lines = sorted(json.dumps(row, ensure_ascii=True) for row in rows)
    return hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()


def members_checksum(ws: Workspace, members: Sequence[dict[str, Any]]) -> str:
    """Return the checksum of members as `stored_checksum` computes it from the database."""
    cutouts = sources.get_cutouts(ws.database, [row["cutout_id"] for row in members])
    names = {source.id: source.frozen_name for source in sources.list_sources(ws.database)}
    return checksum_of_members(
        (names[c.source_id], c.candidate_id, row["part"], row["label"], row["fold"], c.pixels_digest)
        for c, row in zip(cutouts, members, strict=True)
    )


def stored_checksum(ws: Workspace, dataset: Dataset, *, part: str | None = None) -> str:
    """Return the checksum of the members that the database holds, of all parts or of one."""
    members = datasets.member_columns(ws.database, dataset.id, part=part, extra=("pixels_digest",))
    names = {key: sources.source_by_id(ws.database, key).frozen_name for key in dataset.source_ids}
    return checksum_of_members(
        zip(
            [names[int(key)] for key in members["source_id"]],
            *[members[name].tolist() for name in ("candidate_id", "part", "label", "fold", "pixels_digest")],
            strict=True,
        )
    )


def split_spec_of(dataset: Dataset) -> SplitSpec:
    """Return the rules by which a version, or the first of its ancestors, was split."""
    stored = dataset.spec.get("split")
    return SplitSpec.parse(stored) if isinstance(stored, dict) else SplitSpec()


def compare(mine: Columns, theirs: Columns) -> Changes:
    """Return what the members `mine` of a version differ in from those of its parent."""
    parent_rows = rows_of(mine["cutout_id"], theirs["cutout_id"])
    both = parent_rows != ABSENT
    before, after = theirs["label"][parent_rows[both]], mine["label"][both]
    differs = before != after
    pairs = zip(before[differs], after[differs], strict=True)
    gone = ~np.isin(theirs["cutout_id"], mine["cutout_id"])
    in_test = [np.isin(columns["part"], HELD_OUT) for columns in (mine, theirs)]
    return Changes(
        added=dict(Counter(mine["part"][~both].tolist())),
        removed=dict(Counter(theirs["part"][gone].tolist())),
        relabelled=dict(Counter(f"{old} → {new}" for old, new in pairs)),
        moved=int(np.count_nonzero(mine["part"][both] != theirs["part"][parent_rows[both]])),
        test_unchanged=all(
            np.array_equal(mine[name][in_test[0]], theirs[name][in_test[1]])
            for name in ("cutout_id", "label", "group_id", "fold", "label_from")
        ),
    )
