"""Calibrations of runs: fitted on the validation part, kept with the run, written beside its scores."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from lensapp.core.acting import needs
from lensapp.core.config import read_json, write_json
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.calibration import (
    Calibration,
    Reliability,
    fit_calibration,
    log_losses,
    measure_reliability,
    too_few,
)
from lensapp.core.evaluate.calibration_spec import METHODS, CalibrationMethod
from lensapp.core.evaluate.curves import FloatArray
from lensapp.services.evaluate.differences import scored
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.train.run_networks import network_has_changed
from lensapp.storage.care.trail import note_change
from lensapp.storage.files import CALIBRATION
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

PART = "validation"
RAW = "none"
LOSS_DIGITS = 4  # of which two methods that agree are as good: the simpler one comes first


@dataclass(frozen=True)
class CalibrationFigures:
    """How well scores are probabilities on one part, raw or calibrated by a method fitted on validation.

    Attributes
    ----------
    log_loss
        Mean negative log likelihood of the validation part, each fifth by a map fitted on the others; None
        where it was not evaluated or has too few of a class.
    best
        Whether this is the smallest.
    """

    method: str
    log_loss: float | None
    best: bool
    expected_error: float
    brier: float
    reliability: float
    resolution: float


@needs("work")
def calibrate(ws: Workspace, run_name: str, *, method: CalibrationMethod) -> Calibration:
    """Fit a calibration on the validation part of a run and keep it with the run; the raw scores stay.

    Raises
    ------
    NotFound
        When the run does not exist or was not evaluated on the validation part.
    InvalidInput
        When the run estimates values, its evaluation is outdated, or the part has too few of a class.
    """
    evaluation = scored(ws, run_name, part=PART)
    if evaluation.outdated:
        raise InvalidInput(
            f"The network of {run_name} has changed since it was evaluated on the {PART} part. "
            f"Evaluate it there again (`evaluate {run_name} --part {PART}`)."
        )
    calibration = fit_calibration(evaluation.labels, evaluation.scores, method=method, part=PART)
    checksum = evaluation.stored.figures.get("network_sha256")
    write_json(ws.run_folder(run_name) / CALIBRATION, calibration.as_dict() | {"network_sha256": checksum})
    note_change(ws.database, "calibrated", kind="run", name=run_name, detail=calibration.method)
    return calibration


@needs("work")
def calibrate_by_best(ws: Workspace, run_name: str) -> Calibration | None:
    """Keep the calibration of a run that its validation part judges best; none where that is the raw scores.

    Where the part cannot judge, its lenses being all of one object, it is the first of the methods.

    Raises
    ------
    NotFound, InvalidInput
        As `calibrate` does.
    """
    evaluation = scored(ws, run_name, part=PART)
    fitted_maps(evaluation)  # says of a part that is too small which one it is
    best = _best_of(losses_of_methods(evaluation)) or METHODS[0]
    method = next((one for one in METHODS if one == best), None)
    if method is None:
        remove_calibration(ws, run_name)
        return None
    return calibrate(ws, run_name, method=method)


@needs("work")
def remove_calibration(ws: Workspace, run_name: str) -> None:
    """Let a run have no calibration."""
    file = ws.run_folder(run_name) / CALIBRATION
    if file.exists():
        file.unlink(missing_ok=True)
        note_change(ws.database, "took the calibration from", kind="run", name=run_name)


def calibration_of(ws: Workspace, run: Run) -> Calibration | None:
    """Return the calibration of a run; None where it has none or its network has changed since."""
    path = ws.run_folder(run.name) / CALIBRATION
    if not path.exists():
        return None
    saved = read_json(path)
    checksum = saved.pop("network_sha256", None)
    if network_has_changed(ws, run, since=path.stat().st_mtime, checksum=checksum):
        return None
    return Calibration.from_dict(saved)


def calibration_in_words(calibration: Calibration | None) -> str:
    """Return how the calibrated scores of an export were made; "none" where there are none."""
    if calibration is None:
        return "none"
    return (
        f"calibrated_score by {calibration.method}, fitted on the {calibration.part} part "
        f"({calibration.n_positive} lenses, {calibration.n_negative} non-lenses)"
    )


def calibrated(ws: Workspace, run: Run, scores: FloatArray) -> FloatArray | None:
    """Return scores as probabilities by the calibration of a run; None where it has none."""
    calibration = calibration_of(ws, run)
    return None if calibration is None else calibration(scores)


def calibrated_by_id(ws: Workspace, run: Run, scores: Mapping[int, float]) -> dict[int, float]:
    """Return scores by cutout as probabilities by the calibration of a run; empty where it has none."""
    values = calibrated(ws, run, np.fromiter(scores.values(), np.float64, len(scores)))
    return {} if values is None else dict(zip(scores, values.tolist(), strict=True))


def reliability(evaluation: Evaluation, calibration: Calibration | None) -> Reliability | None:
    """Return how well the scores of an evaluation are probabilities; None where they are none."""
    scores = evaluation.scores if calibration is None else calibration(evaluation.scores)
    if scores.min() < 0 or scores.max() > 1:
        return None
    return measure_reliability(evaluation.labels, scores, objects=evaluation.stored.group_ids)


def why_none_fits(ws: Workspace, evaluation: Evaluation) -> str:
    """Return why no calibration of a run can be fitted, its validation part being too small; else nothing."""
    try:
        counts = scored(ws, evaluation.run, part=PART).counts
    except InvalidInput as error:
        return str(error)
    except NotFound:  # what chose the thresholds has counted the part
        if evaluation.proposals is None:
            return ""
        positive, negative = evaluation.proposals.n_positive, evaluation.proposals.n_negative
    else:
        positive, negative = counts.n_positive, counts.n_negative
    return too_few(positive, negative, part=PART, what="a calibration")


def compare_methods(ws: Workspace, evaluation: Evaluation) -> list[CalibrationFigures]:
    """Return the figures of the raw scores of a part and of each method fitted on the validation part.

    Only the raw scores where the run was not evaluated on validation, or that has too few of a class.
    """
    maps: dict[str, Calibration | None] = {RAW: None}
    losses: dict[str, float] = {}
    with suppress(NotFound, InvalidInput):  # the raw scores can be judged all the same
        validation = scored(ws, evaluation.run, part=PART)
        maps |= fitted_maps(validation)
        losses = losses_of_methods(validation)
    best = _best_of(losses)
    measured = {name: reliability(evaluation, one) for name, one in maps.items()}
    return [
        CalibrationFigures(
            name,
            losses.get(name),
            name == best,
            one.expected_error,
            one.brier,
            one.reliability,
            one.resolution,
        )
        for name, one in measured.items()
        if one is not None
    ]


def _best_of(losses: Mapping[str, float]) -> str | None:
    return min(losses, key=lambda name: round(losses[name], LOSS_DIGITS), default=None)


def best_method(methods: Iterable[CalibrationFigures]) -> str:
    """Return the method that is marked the best; RAW where that is none of them, or none is marked."""
    return next((one.method for one in methods if one.best), RAW)


def map_by(ws: Workspace, run_name: str, method: str) -> Calibration | None:
    """Return the map that a method gives on the validation part of a run; None for its raw scores."""
    return None if method == RAW else fitted_maps(scored(ws, run_name, part=PART))[method]


@lru_cache(maxsize=8)
def losses_of_methods(evaluation: Evaluation) -> dict[str, float]:
    """Return the mean negative log likelihood of a part by the raw scores and by each method."""
    return log_losses(evaluation.labels, evaluation.scores, groups=evaluation.stored.group_ids)


@lru_cache(maxsize=8)  # evaluations are the same objects until one is made anew
def fitted_maps(evaluation: Evaluation) -> dict[str, Calibration]:
    """Return the calibration that each method gives on a part."""
    return {
        method: fit_calibration(evaluation.labels, evaluation.scores, method=method, part=evaluation.part)
        for method in METHODS
    }


def calibration_summary(ws: Workspace, run_name: str, calibration: Calibration | None) -> dict[str, Any]:
    """Return a calibration, or that there is none, and what it does to the test part, if measured there.

    `log_loss` is that of the validation part by each method, of which the smallest is the best.
    """
    losses = losses_of_methods(scored(ws, run_name, part=PART))
    summary: dict[str, Any] = {"run": run_name, "best": _best_of(losses), "log_loss": losses}
    if calibration is None:
        return summary | {"method": None}
    summary |= calibration.as_dict()
    del summary["scores"], summary["probabilities"]
    try:
        evaluation = scored(ws, run_name, part="test")
    except NotFound:
        return summary
    for name, one in (("raw", None), ("calibrated", calibration)):
        found = reliability(evaluation, one)
        if found is not None:
            summary[name] = {"ece": found.expected_error, "brier": found.brier}
    return summary
