"""How long a training takes here and how large a network is: from earlier trainings, or the demo survey's."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lensapp.core.train.recommended import DEMO_BANDS, DEMO_CUTOUTS, DEMO_PIXELS, MEASURED, PARAMETERS
from lensapp.storage import datasets, sources
from lensapp.storage.records import Dataset, Run
from lensapp.storage.workspace import Workspace

BEGIN_SECONDS = 10.0  # until a fresh process has loaded its libraries and prepared the cutouts
MOST_CORES = 8  # networks of small cutouts keep no more of them busy

Learning = tuple[str, str, str]
"""Network, kind of task, and how unlabelled cutouts are looked at."""


@dataclass(frozen=True)
class Duration:
    """A time that a training is expected to take.

    Attributes
    ----------
    measured
        Whether earlier trainings of the network in this workspace tell it.
    """

    seconds: float
    measured: bool


@dataclass(frozen=True)
class Size:
    """A number of parameters; `exact` where it was counted with such cutouts."""

    parameters: int
    exact: bool


@dataclass(frozen=True)
class Paces:
    """How quickly networks learn here, and how large they are.

    Attributes
    ----------
    seconds
        Of the newest training of each kind, per epoch, cutout of the training part and pixel of a band.
    pixels
        Of a cutout and band, by the key of a source.
    on_processor
        Whether trainings run on a processor, as far as the newest tells; the demo's figures hold there.
    parameters
        That a network which tells lenses has, by its name, the pixels of a band and the number of bands.
    """

    seconds: Mapping[Learning, float]
    pixels: Mapping[int, int]
    on_processor: bool
    parameters: Mapping[tuple[str, int, int], int] = field(default_factory=dict)

    def expected(self, recipe: Mapping[str, Any], dataset: Dataset) -> Duration | None:
        """Return how long a recipe will take if it is not stopped early; None where nothing tells it.

        Time grows with epochs, cutouts and pixels. It is that of the newest training of the same network for
        the same kind of task, whatever its options, or else of the demo survey with all cores at work.

        Parameters
        ----------
        recipe
            Values of a TrainingSpec, which need not be complete.
        """
        work = int(recipe.get("epochs") or 0) * _work_of_epoch(dataset, self.pixels)
        if not work:
            return None
        network, kind, unlabelled = learning_of(recipe)
        pace = self.seconds.get((network, kind, unlabelled))
        if pace is not None:
            return Duration(BEGIN_SECONDS + pace * work, measured=True)
        one = MEASURED.get(network)
        if one is None or (kind, unlabelled) != ("binary", "none") or not self.on_processor:
            return None
        pace = one.processor_seconds / (one.epochs * DEMO_CUTOUTS * DEMO_PIXELS)
        cores = min(os.cpu_count() or 1, MOST_CORES)
        return Duration(BEGIN_SECONDS + pace * work / cores, measured=False)

    def size_of(self, recipe: Mapping[str, Any], dataset: Dataset) -> Size | None:
        """Return how many parameters the network of a recipe has for cutouts of a dataset.

        As earlier trainings on cutouts of that size counted them, or as the demo survey's; else at the
        input of the network's document. None where nothing tells it, as with options that were changed.
        """
        network, kind, unlabelled = learning_of(recipe)
        if recipe.get("network_options"):
            return None
        pixels, bands = _fewest_pixels(dataset, self.pixels), len(dataset.bands)
        if (kind, unlabelled) == ("binary", "none"):
            if counted := self.parameters.get((network, pixels, bands)):
                return Size(counted, exact=True)
            if network in MEASURED and (pixels, bands) == (DEMO_PIXELS, DEMO_BANDS):
                return Size(MEASURED[network].parameters, exact=True)
        usual = PARAMETERS.get(network)
        return None if usual is None else Size(usual, exact=False)

    def side_of(self, dataset: Dataset) -> int | None:
        """Return the side in pixels of the smallest cutouts of a dataset, as of a square as large."""
        return math.isqrt(_fewest_pixels(dataset, self.pixels)) or None


def learning_of(recipe: Mapping[str, Any]) -> Learning:
    """Return what of a recipe its time depends on most."""
    task, unlabelled = recipe.get("task") or {}, recipe.get("unlabelled") or {}
    return str(recipe.get("network")), task.get("kind", "binary"), unlabelled.get("kind", "none")


def paces_of(ws: Workspace, newest_first: Iterable[Run]) -> Paces:
    """Return how quickly the networks of these runs learned, which are told newest first."""
    by_id = {one.id: one for one in datasets.list_datasets(ws.database)}
    pixels = {one.id: one.height * one.width for one in sources.list_sources(ws.database)}
    seconds: dict[Learning, float] = {}
    parameters: dict[tuple[str, int, int], int] = {}
    devices = []
    for run in newest_first:
        dataset = by_id.get(run.dataset_id)
        if dataset is not None and learning_of(run.spec)[1:] == ("binary", "none"):
            counted, options = run.summary.get("parameters"), run.spec.get("network_options")
            if counted and not options and "network" in run.spec:
                key = run.spec["network"], _fewest_pixels(dataset, pixels), len(dataset.bands)
                parameters.setdefault(key, int(counted))
        epochs, took = run.summary.get("epochs"), run.summary.get("seconds")
        work = _work_of_epoch(dataset, pixels) if dataset is not None else 0
        if epochs and took and work and "network" in run.spec:
            seconds.setdefault(learning_of(run.spec), float(took) / (int(epochs) * work))
            devices.append(str(run.summary.get("device", "cpu")))
    on_processor = not devices or devices[0].startswith("cpu")
    return Paces(seconds, pixels, on_processor=on_processor, parameters=parameters)


def _work_of_epoch(dataset: Dataset, pixels: Mapping[int, int]) -> int:
    """Return cutouts of the training part times pixels of a band."""
    return sum(dataset.counts.get("train", {}).values()) * _fewest_pixels(dataset, pixels)


def _fewest_pixels(dataset: Dataset, pixels: Mapping[int, int]) -> int:
    """Return the pixels of the smallest cutouts of a dataset, 0 where its sources are gone."""
    return min((pixels[key] for key in dataset.source_ids if key in pixels), default=0)
