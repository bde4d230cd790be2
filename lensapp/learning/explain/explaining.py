"""Explain what a run says of one cutout, and keep the explanation beside the run."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.evaluate.explain_spec import ExplainSpec
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.learning.explain import lime
from lensapp.learning.explain.superpixels import Labels, Pixels, sky_pixels, superpixels
from lensapp.learning.score.scorers import Scorer, open_scorer
from lensapp.storage import runs
from lensapp.storage.explanations import StoredExplanation, save_explanation
from lensapp.storage.workspace import Workspace

SCORE = "score"
CENTRAL = 0.25  # of the side, around the middle
UNREPORTED = ("spec", "explained_at")


def explain_cutout(
    workspace: Workspace,
    *,
    run_name: str,
    key: str,
    pixels: Pixels,
    spec: ExplainSpec,
    circumstances: dict[str, Any] | None = None,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Explain what a run, a committee too, says of one cutout, and store the explanation as `key`.

    Parameters
    ----------
    run_name
        A run with a network.
    key
        Name under which the explanation is kept.
    pixels : shape (y, x, band)
        The cutout in flux units, NaN where masked.
    spec
        What is explained and how.
    circumstances
        Kept with the figures: what the cutout is called.

    Returns
    -------
    dict
        about, explained ("logit", or "value" of a run that estimates values), value (of the cutout as it is),
        baseline (everything hidden), fidelity of the linear model, agreement of its map with that of
        occlusion (Pearson's r), central_share of the weight within a quarter of the side of the middle,
        segments, perturbations, images_per_second, engine.

    Raises
    ------
    NotFound, BandMismatch, InvalidInput
        When the run or its network does not exist, bands or size are not the network's, or `spec.about` is
        nothing that the run says.
    """
    folder = workspace.run_folder(runs.get_run(workspace.database, run_name).name)
    scorer = open_scorer(folder)
    about = spec.about or (SCORE if scorer.task.scores_candidates else scorer.task.targets[0])
    explanation, measured = explain_answer(
        partial(answer_about, scorer, about),
        pixels,
        spec,
        probabilities=scorer.task.scores_candidates,
        report=report,
        should_stop=should_stop,
    )
    measured = {"about": about} | measured | {"engine": scorer.engine, "network_sha256": scorer.checksum}
    explanation.figures.update(circumstances or {})
    explanation.figures.update(measured, spec=spec.saved(), explained_at=time.time())
    save_explanation(folder, key, explanation)
    return {name: value for name, value in explanation.figures.items() if name not in UNREPORTED}


def explain_answer(
    answer: lime.Answer,
    pixels: Pixels,
    spec: ExplainSpec,
    *,
    probabilities: bool = True,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> tuple[StoredExplanation, dict[str, Any]]:
    """Explain the number that `answer` gives of a cutout (y, x, band); see `explain_cutout`.

    Of `probabilities` the logit is explained: what regions say adds up there, while the sigmoid behind it
    flattens whatever is nearly certain.
    """
    labels = superpixels(pixels, count=spec.segments)
    everything = np.ones((1, *labels.shape), bool)
    covers = np.concatenate([lime.windows(*labels.shape), everything])
    copies = _Copies(
        answer,
        pixels,
        sky=sky_pixels(pixels, median=spec.fill == "median"),
        rng=np.random.default_rng(spec.seed),
        meter=ProgressMeter(report, spec.perturbations + len(covers), "{done} of {total} copies scored"),
        should_stop=should_stop,
    )
    visible = lime.random_masks(int(labels.max()) + 1, count=spec.perturbations, rng=copies.rng)
    answers = copies.answers(lime.hidden_regions(labels, visible))
    covered = copies.answers(np.array_split(covers, -(-len(covers) // lime.IMAGES_AT_ONCE)))
    scale = lime.logit if probabilities else np.asarray
    surrogate = lime.fit_surrogate(visible, scale(answers), width=spec.kernel_width)
    occlusion = lime.occlusion_map(covers[:-1], scale(covered[:-1]), whole=float(scale(answers[:1])[0]))
    explanation = StoredExplanation(pixels, labels, surrogate.weights, occlusion, {})
    agreement = None
    if np.ptp(explanation.weight_map) and np.ptp(occlusion):
        agreement = float(np.corrcoef(explanation.weight_map.ravel(), occlusion.ravel())[0, 1])
    return explanation, {
        "explained": "logit" if probabilities else "value",
        "value": float(answers[0]),
        "baseline": float(covered[-1]),
        "fidelity": surrogate.fidelity,
        "agreement": agreement,
        "central_share": central_share(labels, surrogate.weights),
        "segments": len(surrogate.weights),
        "perturbations": spec.perturbations,
        "images_per_second": round(copies.meter.rate, 1),
    }


@dataclass(frozen=True)
class _Copies:
    """Copies of one cutout with parts of it hidden, shown to the network."""

    answer: lime.Answer
    pixels: Pixels
    sky: Pixels
    rng: np.random.Generator
    meter: ProgressMeter
    should_stop: ShouldStop

    def answers(self, hidden: Iterable[NDArray[np.bool_]]) -> NDArray[np.float32]:
        answers = []
        for part in hidden:
            if self.should_stop():
                raise JobCancelled(f"Stopped after {self.meter.done} of {self.meter.total} copies.")
            answers.append(self.answer(lime.hide(self.pixels, part, sky=self.sky, rng=self.rng)))
            self.meter.add(len(part))
        return np.concatenate(answers)


def central_share(labels: Labels, weights: NDArray[np.float64]) -> float | None:
    """Return the share of the absolute weight of regions within a quarter of the side of the middle.

    A circle as large holds a fifth of a square. Regions count by what of them lies inside.
    """
    height, width = labels.shape
    rows, columns = np.indices(labels.shape)
    away = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
    inside = np.bincount(labels.ravel(), weights=(away <= CENTRAL * min(height, width)).ravel())
    share = inside / np.bincount(labels.ravel())
    total = float(np.abs(weights).sum())
    return float(np.abs(weights) @ share) / total if total else None


def answer_about(scorer: Scorer, about: str, pixels: Pixels) -> NDArray[np.float32]:
    """Return what a run says of cutouts under one name: its score, a class or a value."""
    task, outputs = scorer.task, scorer.outputs(pixels)
    if about == SCORE and task.scores_candidates:
        return task.scores(outputs)
    names = task.targets or (task.classes if task.kind == "classes" else ())
    if about not in names:
        answers = (*([SCORE] if task.scores_candidates else []), *names)
        raise InvalidInput(
            f"{scorer.folder.name} says nothing about {about!r}. Choose one of {', '.join(answers)} with "
            "--about."
        )
    return np.asarray(task.table(outputs)[:, names.index(about)], np.float32)
