"""Open any run to score with it: one network, or a committee whose members score together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.committees import CommitteeSpec, combined, rank_fractions
from lensapp.core.config import read_json
from lensapp.core.errors import InvalidInput
from lensapp.core.normalisation import FittedNormalisation
from lensapp.learning.inference import NORMALISATION, Engine, Scores, TrainedNetwork
from lensapp.learning.onnx_export import COMMITTEE, network_checksum
from lensapp.storage.evaluations import load_evaluation


@dataclass(frozen=True)
class Committee(TrainedNetwork):
    """Several open networks behind the interface of one.

    Each member applies its own normalisation; that of the committee only says which cutouts fit.

    Attributes
    ----------
    spec
        Who the members are and how their scores are combined.
    members
        The open networks, in the order of the specification.
    references
        For ranks: the sorted reference scores of each member; else empty.
    """

    spec: CommitteeSpec
    members: tuple[TrainedNetwork, ...]
    references: tuple[NDArray[np.float32], ...]

    def score(self, pixels: NDArray[Any]) -> Scores:
        """Score cutouts in flux units, shape (n, y, x, band), as `TrainedNetwork.score` does."""
        scores = [member.score(pixels) for member in self.members]
        if self.references:
            pairs = zip(scores, self.references, strict=True)
            scores = [rank_fractions(values, reference) for values, reference in pairs]
        return combined(np.stack(scores), self.spec.combine)


def is_committee(folder: Path) -> bool:
    """Return whether the run in `folder` is a committee."""
    return (folder / COMMITTEE).exists()


def open_network(folder: Path, *, engine: Engine = "auto") -> TrainedNetwork:
    """Open what a run scores with: its best network, or all members of a committee.

    Raises
    ------
    NotFound
        When the run, or a member, has no network, or a member lacks the reference of its ranks.
    InvalidInput
        When the reference of a member was made by an earlier network.
    """
    if is_committee(folder):
        return _open_committee(folder, engine)
    return TrainedNetwork.open(folder, engine=engine)


def _open_committee(folder: Path, engine: Engine) -> Committee:
    spec = CommitteeSpec.parse(read_json(folder / COMMITTEE))
    members = tuple(TrainedNetwork.open(folder.parent / name, engine=engine) for name in spec.members)
    references = tuple(_reference(member, spec) for member in members) if spec.reference else ()
    first = members[0]
    return Committee(
        folder=folder,
        normalisation=FittedNormalisation.parse(read_json(folder / NORMALISATION)),
        engine=", ".join(dict.fromkeys(member.engine for member in members)),
        reason=next((member.reason for member in members if member.reason), None),
        checksum=network_checksum(folder),
        batch=first.batch,
        threads=first.threads,
        compute=first.compute,
        spec=spec,
        members=members,
        references=references,
    )


def _reference(member: TrainedNetwork, spec: CommitteeSpec) -> NDArray[np.float32]:
    part = str(spec.reference)
    stored = load_evaluation(member.folder, part)
    if stored.figures.get("network_sha256", member.checksum) != member.checksum:
        raise InvalidInput(
            f"Expected scores of {member.folder.name} on its {part} part by its present network, received "
            "those of an earlier one. Evaluate it again."
        )
    return np.sort(stored.rotated_scores[:, 0])
