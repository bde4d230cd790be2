"""What classical classifiers see of a dataset version: averaged pixels, morphology, or features of a run."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.morphology import morphology
from lensapp.core.errors import InvalidInput
from lensapp.core.train.baseline_spec import BaselineSpec
from lensapp.core.train.normalisation import NormalisationSpec, fit_normalisation
from lensapp.core.train.tasks import BinaryTask
from lensapp.learning.feed.batches import LabelledCutouts
from lensapp.learning.feed.dataset_parts import dataset_part, unit_of_dataset
from lensapp.learning.score.evaluation import QUARTER_TURNS, validation_part
from lensapp.storage import datasets, runs
from lensapp.storage.files import network_checksum
from lensapp.storage.workspace import Workspace

CHUNK_ROWS = 256
NORMALISING_SAMPLE = 512

Inputs = NDArray[np.float64]
Look = Callable[[NDArray[np.float32]], Inputs]
"""Turns cutouts in flux units into the inputs of a classifier, shape (n, features)."""


@dataclass(frozen=True, eq=False)
class Data:
    """What classifiers learn from and are asked.

    Attributes
    ----------
    training, labels : shape (n, features), (n,)
        Inputs and the indices of their classes.
    test
        Inputs of the test part under 0, 90, 180 and 270°, each (m, features); only the first where the
        cutouts are not square.
    held_out
        The test part, with its labels.
    validation, validation_inputs
        The part on which thresholds are proposed, and its inputs as they are, (k, features); None where
        there is none.
    classes
        Names in the order of the labels.
    seconds
        Time spent on the inputs.
    """

    training: Inputs
    labels: NDArray[np.int64]
    test: tuple[Inputs, ...]
    held_out: LabelledCutouts
    validation: LabelledCutouts | None
    validation_inputs: Inputs | None
    classes: tuple[str, ...]
    seconds: float


def data_of(workspace: Workspace, dataset_id: int, spec: BaselineSpec) -> Data:
    """Return what a classifier learns from and is asked; those that see the same share it."""
    settings = json.dumps(spec.replaced(baseline="tree").saved(), sort_keys=True)
    named = spec.features_of
    network = "" if named is None else network_checksum(workspace.run_folder(named))
    return _shared_data(workspace, dataset_id, settings, network)


@lru_cache(maxsize=2)
def _shared_data(workspace: Workspace, dataset_id: int, settings: str, _network: str) -> Data:
    spec = BaselineSpec.parse(json.loads(settings))
    dataset = datasets.dataset_by_id(workspace.database, dataset_id)
    if spec.on == "features":
        unit = runs.normalisation_of(workspace, str(spec.features_of)).unit
    else:
        unit = unit_of_dataset(workspace, dataset, NormalisationSpec())
    training = dataset_part(workspace, dataset, "train", task=spec.task, unit=unit)
    task = spec.task if isinstance(spec.task, BinaryTask) else spec.task.replaced(classes=training.classes)
    held_out = dataset_part(workspace, dataset, "test", task=task, unit=unit)
    if len(np.unique(training.labels)) < 2:
        raise InvalidInput(
            f"The training part of {dataset.name} has one class only. Split again with more labelled cutouts."
        )
    began = time.perf_counter()
    rng = np.random.default_rng(spec.seed)
    sample = np.sort(rng.permutation(len(training))[: spec.largest_sample])
    look = look_of(workspace, spec, training)
    turns = QUARTER_TURNS if held_out.image_shape[0] == held_out.image_shape[1] else 1
    everything = np.arange(len(held_out))
    test = [_measured(held_out, everything, look, turn=0)]
    for turn in range(1, turns):  # no rotation changes the morphology
        rotated = test[0] if spec.on == "morphology" else _measured(held_out, everything, look, turn=turn)
        test.append(rotated)
    validation = validation_part(workspace, dataset, task, unit=unit)
    validation_inputs = None
    if validation is not None:
        validation_inputs = _measured(validation, np.arange(len(validation)), look, turn=0)
    return Data(
        training=_measured(training, sample, look, turn=0),
        labels=np.asarray(training.labels, np.int64)[sample],
        test=tuple(test),
        held_out=held_out,
        validation=validation,
        validation_inputs=validation_inputs,
        classes=training.classes,
        seconds=time.perf_counter() - began,
    )


def _measured(part: LabelledCutouts, indices: NDArray[np.int64], look: Look, *, turn: int) -> Inputs:
    chunks = [indices[start : start + CHUNK_ROWS] for start in range(0, len(indices), CHUNK_ROWS)]
    return np.concatenate([look(np.rot90(part.read(chunk), turn, axes=(1, 2))) for chunk in chunks])


def look_of(workspace: Workspace, spec: BaselineSpec, training: LabelledCutouts) -> Look:
    """Return what turns cutouts in flux units into the inputs of a classifier."""
    if spec.on == "morphology":
        return partial(morphology, bands=training.bands)
    if spec.on == "features":
        from lensapp.learning.score.feature_extractor import FeatureExtractor

        extractor = FeatureExtractor.open(workspace.run_folder(str(spec.features_of)))
        return lambda pixels: np.asarray(extractor.features(pixels), np.float64)
    fitted = fit_normalisation(
        training.sample(NORMALISING_SAMPLE, seed=spec.seed),
        NormalisationSpec(),
        bands=training.bands,
        pixel_scale_arcsec=training.pixel_scale_arcsec,
    )

    def blocks(pixels: NDArray[np.float32]) -> Inputs:
        images = averaged(fitted.apply(pixels), grid=spec.grid)
        return images.reshape(len(images), -1).astype(np.float64)

    return blocks


def averaged(images: NDArray[np.float32], *, grid: int) -> NDArray[np.float32]:
    """Average images (n, y, x, band) over equal square blocks to at most `grid` blocks a side.

    Pixels that fill no block are left out at the edges, as many on either side.
    """
    height, width = images.shape[1:3]
    block = -(-max(height, width) // grid)
    rows, columns = height // block, width // block
    top, left = (height - rows * block) // 2, (width - columns * block) // 2
    inner = images[:, top : top + rows * block, left : left + columns * block]
    blocks = inner.reshape(len(images), rows, block, columns, block, -1)
    return np.asarray(blocks.mean(axis=(2, 4)), np.float32)
