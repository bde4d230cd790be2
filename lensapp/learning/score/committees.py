"""Open any run to score with it: one network, or a committee whose members score together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import read_json
from lensapp.core.errors import InvalidInput
from lensapp.core.train.committees import CommitteeSpec, combined, rank_fractions, require_combination
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import FittedTask, combine_estimates
from lensapp.learning.score.inference import NORMALISATION, Engine, Outputs, Scores, TrainedNetwork
from lensapp.learning.score.onnx_export import COMMITTEE, network_checksum
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

    def outputs(self, pixels: NDArray[Any]) -> Outputs:
        """Return the combined outputs for cutouts in flux units, as `TrainedNetwork.outputs` does."""
        if self.task.kind == "binary":
            return combined(np.stack(self._scores(pixels)), self.spec.combine)[:, None]
        if self.task.kind == "classes":
            chances = combined(
                np.stack([member.outputs(pixels) for member in self.members]), self.spec.combine
            )
            return np.asarray(chances / chances.sum(axis=1, keepdims=True), np.float32)
        means, sigmas = zip(*(member.estimate(pixels) for member in self.members), strict=True)
        how = "mean" if self.spec.combine == "rank" else self.spec.combine
        return self.task.outputs_of(*combine_estimates(np.stack(means), np.stack(sigmas), centre=how))

    def _scores(self, pixels: NDArray[Any]) -> list[Scores]:
        scores = [member.score(pixels) for member in self.members]
        if not self.references:
            return scores
        pairs = zip(scores, self.references, strict=True)
        return [rank_fractions(values, reference) for values, reference in pairs]


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
    folders = [folder.parent / name for name in spec.members]
    references = (
        tuple(_reference(member, str(spec.reference)) for member in folders) if spec.reference else ()
    )
    members = tuple(TrainedNetwork.open(member, engine=engine) for member in folders)
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
        task=_common_task(members, spec),
        spec=spec,
        members=members,
        references=references,
    )


def _common_task(members: tuple[TrainedNetwork, ...], spec: CommitteeSpec) -> FittedTask:
    """Return what a committee is asked; its binary score has one output, whatever its members have."""
    first = members[0].task
    for member in members[1:]:
        if (member.task.classes, member.task.targets) != (first.classes, first.targets):
            raise InvalidInput(
                f"Expected members with {', '.join(first.targets or first.classes)}, received "
                f"{member.folder.name} with {', '.join(member.task.targets or member.task.classes)}. "
                "Make a committee of runs that were asked the same."
            )
    require_combination(spec.combine, first.kind)
    return FittedTask() if first.kind == "binary" else first


def _reference(folder: Path, part: str) -> NDArray[np.float32]:
    stored, checksum = load_evaluation(folder, part), network_checksum(folder)
    if stored.figures.get("network_sha256", checksum) != checksum:
        raise InvalidInput(
            f"Expected scores of {folder.name} on its {part} part by its present network, received "
            "those of an earlier one. Evaluate it again."
        )
    return np.sort(stored.rotated_scores[:, 0])
