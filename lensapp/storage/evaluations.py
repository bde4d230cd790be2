"""Evaluations as files beside the network: the scores of every labelled cutout, and the figures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import NotFound
from lensapp.storage.files import read_measured, write_measured

EVALUATION_ARRAYS = ("cutout_ids", "labels", "rotated_scores")
NUISANCE_ARRAYS = ("cutout_ids", "labels", "oriented", "changed")
ESTIMATE_ARRAYS = ("cutout_ids", "truth", "mean", "sigma")
INJECTION_ARRAYS = ("theta_e_arcsec", "arc_snr", "seeing_arcsec", "hosts", "scores")


@dataclass(frozen=True, eq=False)
class StoredEvaluation:
    """Scores of one part of a dataset.

    Attributes
    ----------
    cutout_ids, labels : shape (n,)
        IDs of the cutouts, and whether each is a lens.
    rotated_scores : float32, shape (n, 4) or (n, 1)
        Scores at 0, 90, 180 and 270°; only the first where the cutouts are not square.
    figures
        What `lensapp.learning.score.evaluation.evaluate_run` measured.
    class_labels, probabilities : shapes (n,) and (n, k)
        Of a run that distinguishes classes: numbers of the true classes, and the probability of each.
    group_ids : shape (n,)
        Equal for cutouts of one sky object or parent; None where every cutout stands for itself.
    """

    cutout_ids: NDArray[np.int64]
    labels: NDArray[np.bool_]
    rotated_scores: NDArray[np.float32]
    figures: dict[str, Any]
    class_labels: NDArray[np.int64] | None = None
    probabilities: NDArray[np.float32] | None = None
    group_ids: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class StoredEstimates:
    """Estimates of one part of a dataset.

    Attributes
    ----------
    cutout_ids : shape (n,)
        IDs of the cutouts.
    truth, mean, sigma : float32, shape (n, t)
        True values, estimates and their standard deviations.
    figures
        What `lensapp.learning.score.evaluation.evaluate_run` measured.
    """

    cutout_ids: NDArray[np.int64]
    truth: NDArray[np.float32]
    mean: NDArray[np.float32]
    sigma: NDArray[np.float32]
    figures: dict[str, Any]


@dataclass(frozen=True, eq=False)
class StoredInjections:
    """Scores of lenses painted on galaxies of a source, and of the blind tests of its reviews.

    Attributes
    ----------
    theta_e_arcsec, arc_snr, seeing_arcsec : shape (n,)
        Einstein radius, S/N of the arcs, and seeing (NaN where it is unknown).
    hosts : shape (n,)
        Numbers of the cutouts painted on.
    scores : shape (n,)
    figures
        `spec`, `made_at` and what was known of the images.
    test_ids, test_scores : shape (m,)
        Numbers of the blind tests that show painted lenses, and their scores.
    """

    theta_e_arcsec: NDArray[np.float64]
    arc_snr: NDArray[np.float64]
    seeing_arcsec: NDArray[np.float64]
    hosts: NDArray[np.int64]
    scores: NDArray[np.float64]
    figures: dict[str, Any]
    test_ids: NDArray[np.int64]
    test_scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StoredNuisance:
    """Scores of cutouts of one part, as they are and changed in what should not matter.

    Attributes
    ----------
    cutout_ids, labels : shape (n,)
        IDs of the cutouts, and whether each is a lens.
    oriented : float32, shape (8, n) or (4, n)
        Scores in all orientations, first as they are; four of cutouts that are not square.
    changed : float32, shape (changes, n)
        Scores after each change.
    figures
        Names of the changes and circumstances; see `lensapp.learning.score.nuisance.score_changes`.
    group_ids : shape (n,)
        Equal for cutouts of one sky object; None where unknown.
    """

    cutout_ids: NDArray[np.int64]
    labels: NDArray[np.bool_]
    oriented: NDArray[np.float32]
    changed: NDArray[np.float32]
    figures: dict[str, Any]
    group_ids: NDArray[np.int64] | None = None


def save_evaluation(folder: Path, part: str, evaluation: StoredEvaluation) -> None:
    """Write an evaluation beside the network, whole or not at all."""
    write_measured(evaluation_path(folder, part), vars(evaluation))


def save_estimates(folder: Path, part: str, estimates: StoredEstimates) -> None:
    """Write the evaluation of a run that estimates values beside its network, whole or not at all."""
    write_measured(estimates_path(folder, part), vars(estimates))


def load_evaluation(folder: Path, part: str) -> StoredEvaluation:
    """Read what `save_evaluation` wrote."""
    return StoredEvaluation(**_read_arrays(evaluation_path(folder, part), folder, part, EVALUATION_ARRAYS))


def load_estimates(folder: Path, part: str) -> StoredEstimates:
    """Read what `save_estimates` wrote."""
    return StoredEstimates(**_read_arrays(estimates_path(folder, part), folder, part, ESTIMATE_ARRAYS))


def save_injections(folder: Path, source: str, injections: StoredInjections) -> None:
    """Write the scores of injections into a source beside the network, whole or not at all."""
    write_measured(injections_path(folder, source), vars(injections))


def load_injections(folder: Path, source: str) -> StoredInjections:
    """Read what `save_injections` wrote."""
    path = injections_path(folder, source)
    if not path.exists():
        raise NotFound(
            f"The completeness of {folder.name} in {source} has not been measured. "
            f"Measure it first (`completeness {folder.name} {source}`)."
        )
    needed = (*INJECTION_ARRAYS, "test_ids", "test_scores")
    measured = read_measured(path, needed=needed, what="injections", remedy="Measure completeness again.")
    return StoredInjections(**measured)


def injections_path(folder: Path, source: str) -> Path:
    """Return where the scores of injections into a source are kept."""
    return folder / f"completeness-{source}.npz"


def save_nuisance(folder: Path, part: str, nuisance: StoredNuisance) -> None:
    """Write the scores of changed cutouts beside the network, whole or not at all."""
    write_measured(nuisance_path(folder, part), vars(nuisance))


def load_nuisance(folder: Path, part: str) -> StoredNuisance:
    """Read what `save_nuisance` wrote; the file must exist."""
    return StoredNuisance(
        **read_measured(
            nuisance_path(folder, part),
            needed=NUISANCE_ARRAYS,
            what="scores of changed cutouts",
            remedy="Score the changed cutouts again.",
        )
    )


def nuisance_path(folder: Path, part: str) -> Path:
    """Return where the scores of changed cutouts are kept."""
    return folder / f"nuisance-{part}.npz"


def _read_arrays(path: Path, folder: Path, part: str, needed: tuple[str, ...]) -> dict[str, Any]:
    if not path.exists():
        raise NotFound(f"{folder.name} has not been evaluated on its {part} part. Evaluate it first.")
    return read_measured(path, needed=needed, what="an evaluation", remedy="Evaluate the run again.")


def estimates_path(folder: Path, part: str) -> Path:
    """Return where the evaluation of a run that estimates values is kept."""
    return folder / f"estimates-{part}.npz"


def evaluation_path(folder: Path, part: str) -> Path:
    """Return where the evaluation of a run that gives scores is kept."""
    return folder / f"evaluation-{part}.npz"
