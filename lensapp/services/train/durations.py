"""How long a training takes here, by earlier ones or the demo survey's, and how large its network is."""

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from lensapp import jobs
from lensapp.core.errors import InvalidInput
from lensapp.core.processors import processors
from lensapp.core.split.folds import DEVELOPMENT
from lensapp.core.train.input_spec import InputSpec
from lensapp.core.train.network_specs import NETWORKS
from lensapp.core.train.networks.parameters import parameters_of
from lensapp.core.train.recommended import DEMO_CUTOUTS, DEMO_PIXELS, MEASURED
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.storage import datasets, runs, sources
from lensapp.storage.records import Dataset, Run
from lensapp.storage.workspace import Workspace

BEGIN_SECONDS = 10.0  # of a training before its first epoch and after its last, where none tells them here
SLOWEST_MACHINE = 6.0  # times what our own takes, on two cores that others used too (measured: 5.9)
MOST_CORES = 8  # networks of small cutouts keep no more of them busy
USUAL_LEARNING = ("binary", "none")  # of what was measured on the demo survey
LATEST_EPOCHS = 5  # of a training under way, that tell its pace
REMEMBERED = 3  # trainings of a kind, whose slowest is told too, and those that tell how long one begins
SIZELESS_OPTIONS = ("dropout",)  # of networks: parameters are as many

Learning = tuple[str, str, str]
"""Network, kind of task, and how unlabelled cutouts are looked at."""
Shape = tuple[int, int]


@dataclass(frozen=True)
class Duration:
    """A time that a training is expected to take.

    Attributes
    ----------
    measured
        Whether earlier trainings of the network in this workspace tell it.
    by_epochs_of
        The training under way whose latest epochs tell it.
    slowest
        Seconds at the pace of the slowest of the last few trainings, as where others share the machine; where
        none was trained here, those on a machine as slow as any.
    begin
        Those of all seconds that go before the first epoch and after the last; once for trainings of one job.
    others
        Whether trainings of other networks here tell it too, beside the demo survey.
    """

    seconds: float
    measured: bool
    by_epochs_of: str | None = None
    slowest: float | None = None
    begin: float = 0.0
    others: bool = False

    @property
    def guessed(self) -> bool:
        """Whether no training here tells it: it lies anywhere up to `slowest`."""
        return not self.measured and not self.others


@dataclass(frozen=True)
class Paces:
    """How quickly networks learn here.

    Attributes
    ----------
    seconds
        Of the newest training of each kind, per epoch, cutout of the training part and pixel of a band.
    shapes
        Height and width of cutouts in pixels, by the key of a source.
    on_processor
        Whether trainings run on a processor, as far as the newest tells; the demo's figures hold there.
    slowest
        The same seconds of the slowest of the last few trainings of each kind.
    under_way
        The training under way that tells the pace of a kind by its epochs.
    begin
        Seconds of a training before its first epoch and after its last.
    """

    seconds: Mapping[Learning, float]
    shapes: Mapping[int, Shape]
    on_processor: bool
    slowest: Mapping[Learning, float] = field(default_factory=dict)
    under_way: Mapping[Learning, str] = field(default_factory=dict)
    begin: float = BEGIN_SECONDS

    def expected(self, recipe: Mapping[str, Any], dataset: Dataset, *, folds: int = 0) -> Duration | None:
        """Return how long a recipe will take if it is not stopped early; None where nothing tells it.

        Time grows with epochs, cutouts and pixels. It is that of the newest training of the same network for
        the same kind of task, whatever its options, or else of the demo survey with all cores at work, as
        much quicker or slower as another network was here.

        Parameters
        ----------
        recipe
            Values of a TrainingSpec, which need not be complete.
        folds
            Of a cross-validation, for a training on all of them but one; 0 for one on the training part.
        """
        work = epochs_of(recipe) * _work_of_epoch(dataset, self.shapes, folds=folds)
        if work <= 0:
            return None
        network, kind, unlabelled = learning = learning_of(recipe)
        pace = self.seconds.get(learning)
        if pace is not None:
            return Duration(
                self.begin + pace * work,
                measured=True,
                by_epochs_of=self.under_way.get(learning),
                slowest=self.begin + self.slowest.get(learning, pace) * work,
                begin=self.begin,
            )
        if network not in MEASURED or (kind, unlabelled) != USUAL_LEARNING or not self.on_processor:
            return None
        slowness, pace = self._slowness(), _demo_pace(network)
        if slowness is not None:
            return Duration(
                self.begin + slowness * pace * work, measured=False, begin=self.begin, others=True
            )
        slowest = self.begin + SLOWEST_MACHINE * pace * work
        return Duration(self.begin + pace * work, measured=False, slowest=slowest, begin=self.begin)

    def _slowness(self) -> float | None:
        """Return how many times as long the newest training here took as it would have on the demo survey.

        None where none was trained here.
        """
        return next(
            (
                pace / _demo_pace(network)
                for (network, *learning), pace in self.seconds.items()
                if network in MEASURED and tuple(learning) == USUAL_LEARNING
            ),
            None,
        )

    def parameters_of(self, recipe: Mapping[str, Any], dataset: Dataset) -> int | None:
        """Return how many parameters the network of a recipe has for cutouts of a dataset.

        That is with one output: of several classes or values there are a few more. None where nothing tells
        it, as with options that make layers wider.
        """
        network, shape = str(recipe.get("network")), _smallest(dataset, self.shapes)
        if not math.prod(shape) or _changes_size(network, recipe.get("network_options") or {}):
            return None
        with suppress(InvalidInput):  # cutouts smaller than what the recipe crops
            height, width = InputSpec.parse(recipe.get("input") or {}).size_within(shape)
            return parameters_of(network, height=height, width=width, bands=len(dataset.bands))
        return None

    def side_of(self, dataset: Dataset) -> int | None:
        """Return the shorter side in pixels of the smallest cutouts of a dataset."""
        return min(_smallest(dataset, self.shapes)) or None


def _demo_pace(network: str) -> float:
    """Return what a network took on the demo survey per epoch, cutout and pixel, with all cores at work."""
    one = MEASURED[network]
    cores = min(processors(), MOST_CORES)
    return one.processor_seconds / (one.epochs * DEMO_CUTOUTS * DEMO_PIXELS) / cores


def _changes_size(network: str, options: Mapping[str, Any]) -> bool:
    """Whether options of a network are other than usual ones that its number of parameters hangs on."""
    usual = NETWORKS[network].spec().saved() if options and network in NETWORKS else {}
    return any(usual.get(name) != value for name, value in options.items() if name not in SIZELESS_OPTIONS)


def epochs_of(recipe: Mapping[str, Any]) -> int:
    """Return how many epochs a recipe trains for, unless it stops early; 0 where none are entered."""
    return int(recipe.get("epochs", TrainingSpec.model_fields["epochs"].default) or 0)


def learning_of(recipe: Mapping[str, Any]) -> Learning:
    """Return what of a recipe its time depends on most."""
    task, unlabelled = recipe.get("task") or {}, recipe.get("unlabelled") or {}
    return str(recipe.get("network")), task.get("kind", "binary"), unlabelled.get("kind", "none")


def paces_of(ws: Workspace, newest_first: Iterable[Run]) -> Paces:
    """Return how quickly the networks of these runs learned, which are told newest first.

    Of one under way its latest epochs tell it: they know what else the machine has to do by now.
    """
    by_id = {one.id: one for one in datasets.list_datasets(ws.database)}
    shapes = {one.id: (one.height, one.width) for one in sources.list_sources(ws.database)}
    paces: dict[Learning, list[float]] = {}
    under_way: dict[Learning, str] = {}
    devices = []
    for run in newest_first:
        dataset = by_id.get(run.dataset_id)
        work = _work_of_epoch(dataset, shapes) if dataset is not None else 0
        if not work or "network" not in run.spec:
            continue
        learning, running = learning_of(run.spec), run.state == "running"
        seconds, device = _seconds_of_epoch(ws, run) if running else _seconds_on_average(run)
        if seconds:
            devices.append(device)
            paces.setdefault(learning, []).append(seconds / work)
            if running and len(paces[learning]) == 1:
                under_way[learning] = run.name
    return Paces(
        {learning: of_kind[0] for learning, of_kind in paces.items()},
        shapes,
        on_processor=not devices or devices[0].startswith("cpu"),
        slowest={learning: max(of_kind[:REMEMBERED]) for learning, of_kind in paces.items()},
        under_way=under_way,
        begin=_seconds_around_epochs(ws),
    )


def _seconds_around_epochs(ws: Workspace) -> float:
    """Return what the last trainings here took beside their epochs, from their begin to their end.

    That is loading of libraries, preparing of cutouts, and saving; those that were interrupted tell nothing.
    """
    ended = [
        max(job.finished_at - job.started_at - float(job.result["seconds"]), 0.0)
        for job in jobs.recent(ws.database, limit=jobs.JOBS_SEARCHED)
        if job.kind == "train"
        and job.state == "done"
        and job.attempt == 1
        and job.started_at
        and job.finished_at
        and job.result
        and job.result.get("seconds")
    ]
    return median(ended[:REMEMBERED]) if ended else BEGIN_SECONDS


def _seconds_on_average(run: Run) -> tuple[float, str]:
    """Return what an epoch of an ended training took, 0 where that is not known, and on what."""
    epochs, took = run.summary.get("epochs"), run.summary.get("seconds")
    return (float(took) / int(epochs) if epochs and took else 0.0), str(run.summary.get("device", "cpu"))


def _seconds_of_epoch(ws: Workspace, run: Run) -> tuple[float, str]:
    """Return what the latest epochs of a training under way took, 0 before two have ended, and on what.

    The first compiles the network, and tells nothing of the others.
    """
    rows = runs.metrics_of(ws.database, run.id)[-LATEST_EPOCHS - 1 :]
    took = [float(row.get("seconds") or 0.0) for row in rows]
    device = str(rows[-1].get("device", "cpu")) if rows else "cpu"
    return median(later - earlier for earlier, later in pairwise(took)) if len(took) > 1 else 0.0, device


def _work_of_epoch(dataset: Dataset, shapes: Mapping[int, Shape], *, folds: int = 0) -> int:
    """Return cutouts of the training part, or of all folds but one, times pixels of a band."""
    parts = DEVELOPMENT if folds else ("train",)
    cutouts = sum(sum(dataset.counts.get(part, {}).values()) for part in parts)
    learned = cutouts * (folds - 1) // folds if folds else cutouts
    return learned * math.prod(_smallest(dataset, shapes))


def _smallest(dataset: Dataset, shapes: Mapping[int, Shape]) -> Shape:
    """Return height and width of the smallest cutouts of a dataset, 0 where its sources are gone."""
    return min((shapes[key] for key in dataset.source_ids if key in shapes), key=math.prod, default=(0, 0))
