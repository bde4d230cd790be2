"""Trainings of a network with two filters on 8 × 8 cutouts that hold two classes apart."""

from pathlib import Path

import keras
import numpy as np

from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.batches import LabelledCutouts
from lensapp.learning.train.training import TrainingResult, train

TINY = {"filters": 2, "blocks": 1, "dense_units": 4, "second_dense_units": 4, "dropout": 0.4}


class ArrayCutouts:
    """Cutouts in memory, read as packed ones are."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels
        self.shape = pixels.shape

    def read(self, rows: np.ndarray) -> np.ndarray:
        return self.pixels[rows]


def part_of(count: int, *, seed: int, bands: tuple[str, ...] = ("g", "r")) -> LabelledCutouts:
    """Sky noise; every other cutout, a lens, has a bright column."""
    pixels = np.random.default_rng(seed).normal(size=(count, 8, 8, len(bands))).astype(np.float32)
    labels = np.arange(count) % 2
    pixels[labels == 1, :, 2:4] += 5.0
    return LabelledCutouts(
        cutouts=ArrayCutouts(pixels),
        rows=np.arange(count),
        labels=labels,
        bands=bands,
        pixel_scale_arcsec=0.2,
    )


TRAINING, VALIDATION = part_of(36, seed=1), part_of(14, seed=2)


def tiny_spec(**changes) -> TrainingSpec:
    values = {
        "network_options": TINY,
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": 3e-3,
        "seed": 5,
        "device": "cpu",
        "weight_decay": 1e-4,
        "class_weights": "balanced",
        "augmentation": {"rotation_deg": 20, "noise_sigma": 0.05, "stretch_jitter": 0.5},
        "schedule": {"kind": "step", "epochs": 2, "factor": 0.5},
        "early_stopping_patience": 3,
    }
    return TrainingSpec.parse(values | changes)


def run(folder: Path, spec: TrainingSpec | None = None, **options) -> TrainingResult:
    return train(spec or tiny_spec(), training=TRAINING, validation=VALIDATION, folder=folder, **options)


class StopAfter:
    """Answers `signal` from the given question on."""

    def __init__(self, questions: int, signal: str) -> None:
        self.left = questions
        self.signal = signal

    def __call__(self) -> str | None:
        self.left -= 1
        return self.signal if self.left < 0 else None


class WorkerKilledError(BaseException):
    """Ends a training without any chance to clean up."""


class KillAfter:
    """Kills the worker at a question."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise WorkerKilledError


def weights_of(folder: Path, name: str) -> list[np.ndarray]:
    return keras.saving.load_model(folder / name, compile=False).get_weights()


def assert_same_networks(one: Path, other: Path) -> None:
    for name in ("last.keras", "best.keras"):
        for a, b in zip(weights_of(one, name), weights_of(other, name), strict=True):
            np.testing.assert_array_equal(a, b)


def without_times(result: TrainingResult) -> list[dict]:
    timed = ("images_per_second", "seconds", "memory_bytes")
    return [{key: value for key, value in row.items() if key not in timed} for row in result.history]
