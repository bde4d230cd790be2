"""Explain what a run says of one cutout, and keep the explanation beside the run."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, JobCancelled, StorageError
from lensapp.core.evaluate.explain_spec import SCORE, ExplainSpec
from lensapp.core.progress import Progress, ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.learning.explain import lime
from lensapp.learning.explain.gradients import GradientNetwork, likeness, randomise_weights
from lensapp.learning.explain.superpixels import Labels, Pixels, sky_pixels, superpixels
from lensapp.learning.score.onnx_export import load_network
from lensapp.learning.score.scorers import Scorer, TrainedNetwork, open_scorer
from lensapp.storage import runs
from lensapp.storage.explanations import StoredExplanation, save_explanation
from lensapp.storage.workspace import Workspace

CENTRAL = 0.25  # of the side, around the middle
RANDOM_STEPS = 16  # of the path through a network with random weights, whose map is only ranked
UNREPORTED = ("spec", "explained_at")

COPIES_SHARE = 0.8  # of the work; following the gradients of two networks is the rest
OPENING: Progress = {"fraction": 0.0, "message": "opening the network"}


@dataclass(frozen=True)
class Explainer:
    """What explains the cutouts of one run.

    Attributes
    ----------
    scorer
        The open run.
    about
        Name of what is explained: the score, a class or a value.
    spec
        How.
    gradients, randomised
        Its network, and the same network without all that it learnt; None where there are no gradients.
    without_gradients
        Why there are none.
    """

    scorer: Scorer
    about: str
    spec: ExplainSpec
    gradients: GradientNetwork | None = None
    randomised: GradientNetwork | None = None
    without_gradients: str | None = None

    @classmethod
    def open(cls, folder: Path, spec: ExplainSpec) -> Self:
        """Open a run to explain its answers."""
        scorer = open_scorer(folder)
        about = spec.about or (SCORE if scorer.task.scores_candidates else scorer.task.targets[0])
        check_about(scorer, about)
        opened = cls(scorer, about, spec)
        if not spec.gradients:
            return replace(opened, without_gradients="Gradients were left out.")
        if not isinstance(scorer, TrainedNetwork):
            return replace(
                opened,
                without_gradients="A committee has no gradients of its own, whereas LIME and occlusion only "
                "ask for its score. Explain its members for Grad-CAM and integrated gradients.",
            )
        try:
            networks = [load_network(folder) for _ in range(2)]
        except StorageError as error:  # a network saved by another version may still score by its export
            return replace(opened, without_gradients=str(error))
        randomise_weights(networks[1], np.random.default_rng(spec.seed))
        trained, randomised = (
            GradientNetwork.of(one, scorer.normalisation, scorer.task, about=about) for one in networks
        )
        return replace(opened, gradients=trained, randomised=randomised)

    def explain(
        self, pixels: Pixels, *, report: Report = ignore_progress, should_stop: ShouldStop = never_stop
    ) -> StoredExplanation:
        """Explain what the run says of a cutout (y, x, band)."""
        follows_gradients = self.gradients is not None and self.randomised is not None
        explanation, measured = explain_answer(
            partial(answer_about, self.scorer, self.about),
            pixels,
            self.spec,
            probabilities=self.scorer.task.scores_candidates,
            report=report,
            share=COPIES_SHARE if follows_gradients else 1.0,
            should_stop=should_stop,
        )
        explanation.figures.update({"about": self.about} | measured | {"gradients": None})
        explanation.figures.update(
            engine=self.scorer.engine,
            network_sha256=self.scorer.checksum,
            without_gradients=self.without_gradients,
            spec=self.spec.saved(),
            explained_at=time.time(),
        )
        if self.gradients is None or self.randomised is None:
            return explanation
        report({"fraction": COPIES_SHARE, "message": "following the gradients of the network"})
        steps = self.spec.path_steps
        maps = self.gradients.maps(pixels, steps=steps)
        random = self.randomised.maps(pixels, steps=min(steps, RANDOM_STEPS))
        explanation.figures["gradients"] = {
            "layer": self.gradients.layer,
            "gap": maps.gap,
            "randomised": {
                "grad_cam": likeness(maps.grad_cam, random.grad_cam),
                "integrated": likeness(maps.integrated, random.integrated),
            },
        }
        return replace(explanation, grad_cam=maps.grad_cam, integrated=maps.integrated)


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
        segments, perturbations, images_per_second, engine; gradients: the layer of Grad-CAM, the gap of
        integrated gradients (by how much they miss their sum), and under `randomised` how far each map is
        like that of the network with random weights (Spearman's ρ); without_gradients: why there are none.

    Raises
    ------
    NotFound, BandMismatch, InvalidInput
        When the run or its network does not exist, bands or size are not the network's, or `spec.about` is
        nothing that the run says.
    """
    folder = workspace.run_folder(runs.get_run(workspace.database, run_name).name)
    report(OPENING)
    explanation = Explainer.open(folder, spec).explain(pixels, report=report, should_stop=should_stop)
    explanation.figures.update(circumstances or {})
    save_explanation(folder, key, explanation)
    return {name: value for name, value in explanation.figures.items() if name not in UNREPORTED}


def explain_page(
    workspace: Workspace,
    *,
    run_name: str,
    subjects: Iterable[tuple[str, Pixels, dict[str, Any]]],
    count: int,
    spec: ExplainSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Explain several cutouts, each given as key, pixels and what it is called; see `explain_cutout`.

    Each is stored as soon as it is done.

    Returns
    -------
    dict
        explained: how many; randomised: the median likeness of each kind of map to that of the network with
        random weights; without_gradients: why there are none.
    """
    folder = workspace.run_folder(runs.get_run(workspace.database, run_name).name)
    report(OPENING)
    explainer = Explainer.open(folder, spec)
    meter = ProgressMeter(report, count, "{done} of {total} cutouts explained")
    likenesses: dict[str, list[float]] = {}
    for key, pixels, named in subjects:
        explanation = explainer.explain(pixels, should_stop=should_stop)
        explanation.figures.update(named)
        save_explanation(folder, key, explanation)
        for name, value in ((explanation.figures["gradients"] or {}).get("randomised") or {}).items():
            likenesses.setdefault(name, []).extend([] if value is None else [value])
        meter.add(1)
    return {
        "explained": meter.done,
        "randomised": {name: float(np.median(values)) for name, values in likenesses.items() if values},
        "without_gradients": explainer.without_gradients,
    }


def explain_answer(
    answer: lime.Answer,
    pixels: Pixels,
    spec: ExplainSpec,
    *,
    probabilities: bool = True,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
    share: float = 1.0,
) -> tuple[StoredExplanation, dict[str, Any]]:
    """Explain the number that `answer` gives of a cutout (y, x, band); see `explain_cutout`.

    Of `probabilities` the logit is explained: what regions say adds up there, while the sigmoid behind it
    flattens whatever is nearly certain. Scoring the copies is `share` of the work that is reported.
    """
    labels = superpixels(pixels, count=spec.segments)
    everything = np.ones((1, *labels.shape), bool)
    covers = np.concatenate([lime.windows(*labels.shape), everything])
    copies = _Copies(
        answer,
        pixels,
        sky=sky_pixels(pixels, median=spec.fill == "median"),
        rng=np.random.default_rng(spec.seed),
        meter=ProgressMeter(
            report, spec.perturbations + len(covers), "{done} of {total} copies scored", share=share
        ),
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
    outputs = scorer.outputs(pixels)
    if about == SCORE and scorer.task.scores_candidates:
        return scorer.task.scores(outputs)
    return np.asarray(scorer.task.table(outputs)[:, names_told(scorer).index(about)], np.float32)


def check_about(scorer: Scorer, about: str) -> None:
    """Raise InvalidInput unless a run says something under a name."""
    answers = (*([SCORE] if scorer.task.scores_candidates else []), *names_told(scorer))
    if about not in answers:
        raise InvalidInput(
            f"{scorer.folder.name} says nothing about {about!r}. Choose one of {', '.join(answers)} with "
            "--about."
        )


def names_told(scorer: Scorer) -> tuple[str, ...]:
    """Return the names of the classes or values that a run tells besides a score."""
    task = scorer.task
    return task.targets or (task.classes if task.kind == "classes" else ())
