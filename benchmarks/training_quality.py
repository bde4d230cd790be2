"""What our recipes reach beside a plain Keras script, at the same number of epochs on the same survey.

The script is what the documents train with: Adam at a constant rate, random rotations and reflections, and
the weights of the epoch with the lowest validation loss. "documents" is our loop with those settings,
"recommended" adds what is in `RECOMMENDED`. Every figure is of the test part, the mean of the seeds with
their standard deviation. Run `python benchmarks/training_quality.py [--quick] [--network elu_cnn]`.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from lensapp.core.backend import choose_backend
from lensapp.core.evaluate.curves import count_thresholds
from lensapp.core.evaluate.metrics import auroc, recall_at_rate
from lensapp.core.train.normalisation import FittedNormalisation, NormalisationSpec, fit_normalisation
from lensapp.core.train.presets import RECOMMENDED
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.simulation.survey import DemoSpec, simulate

BANDS, SCALE = ("g", "r", "i"), 0.25
RATE = 0.01
RECIPES: dict[str, dict[str, Any]] = {"documents": {}, "recommended": RECOMMENDED}
BATCH, LEARNING_RATE = 64, 1e-3


class Sample:
    """Simulated cutouts in memory, read as packed ones are."""

    def __init__(self, count: int, *, size: int, seed: int) -> None:
        survey = simulate(DemoSpec(count=count, lens_fraction=0.3, size=size, bands=BANDS, seed=seed))
        self.pixels = survey.pixels
        self.labels = np.array([one.label == "lens" for one in survey.truth], np.int64)
        self.shape = self.pixels.shape

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the cutouts at `rows`."""
        return self.pixels[rows]


def part(sample: Sample, rows: np.ndarray) -> Any:
    from lensapp.learning.feed.batches import LabelledCutouts

    return LabelledCutouts(
        cutouts=sample, rows=rows, labels=sample.labels[rows], bands=BANDS, pixel_scale_arcsec=SCALE
    )


def measured(labels: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    counts = count_thresholds(labels, scores)
    return auroc(counts), recall_at_rate(counts, RATE)


def train_ours(
    sample: Sample, parts: list[np.ndarray], *, network: str, epochs: int, seed: int, changes: dict[str, Any]
) -> tuple[float, float]:
    import keras

    from lensapp.core.config import read_json
    from lensapp.learning.train.training import train

    recipe = {"network": network, "epochs": epochs, "batch_size": BATCH, "learning_rate": LEARNING_RATE}
    with tempfile.TemporaryDirectory() as folder:
        train(
            TrainingSpec.parse(recipe | {"seed": seed, "device": "cpu"} | changes),
            training=part(sample, parts[0]),
            validation=part(sample, parts[1]),
            folder=Path(folder),
        )
        best = keras.saving.load_model(Path(folder) / "best.keras", compile=False)
        fitted = FittedNormalisation.parse(read_json(Path(folder) / "normalisation.json"))
    scores = best.predict(fitted.apply(sample.read(parts[2])), verbose=0)[:, -1]
    return measured(sample.labels[parts[2]], scores)


def train_plain(
    sample: Sample, parts: list[np.ndarray], *, network: str, epochs: int, seed: int
) -> tuple[float, float]:
    """Train as a notebook does; the normalisation is ours, so that only the training differs."""
    import keras

    from lensapp.core.train.tasks import Head
    from models.registry import build

    keras.utils.set_random_seed(seed)
    fitted = fit_normalisation(
        sample.read(parts[0]), NormalisationSpec(), bands=BANDS, pixel_scale_arcsec=SCALE
    )
    images = [fitted.apply(sample.read(rows)) for rows in parts]
    labels = [sample.labels[rows] for rows in parts]
    model = build(network, input_shape=images[0].shape[1:], head=Head())
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="binary_crossentropy")
    rng, best, weights = np.random.default_rng(seed), np.inf, model.get_weights()
    for _ in range(epochs):
        turned = images[0].copy()
        for index, turns in enumerate(rng.integers(0, 8, len(turned))):
            image = np.rot90(turned[index], turns % 4)
            turned[index] = image[:, ::-1] if turns > 3 else image
        model.fit(turned, labels[0], batch_size=BATCH, verbose=0)
        loss = float(model.evaluate(images[1], labels[1], verbose=0))
        if loss < best:
            best, weights = loss, model.get_weights()
    model.set_weights(weights)
    return measured(labels[2], model.predict(images[2], verbose=0)[:, -1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, fewer cutouts and epochs")
    parser.add_argument("--network", default="elu_cnn")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--size", type=int, default=44)
    arguments = parser.parse_args()
    choose_backend()
    count, epochs, seeds = (600, 3, 1) if arguments.quick else (arguments.count, arguments.epochs, 3)
    sample = Sample(count, size=arguments.size, seed=11)
    order = np.random.default_rng(0).permutation(count)
    parts = [np.sort(rows) for rows in np.split(order, [int(0.4 * count), int(0.5 * count)])]
    options = {"network": arguments.network, "epochs": epochs}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ("plain script", *RECIPES)}
    for seed in range(seeds):
        found["plain script"].append(train_plain(sample, parts, seed=seed, **options))
        for name, changes in RECIPES.items():
            found[name].append(train_ours(sample, parts, seed=seed, changes=changes, **options))
    print(
        f"{arguments.network}, {len(parts[0])} cutouts, {epochs} epochs, {seeds} seeds; "
        f"{len(parts[2])} to test"
    )
    print(f"{'recipe':>14} {'AUROC':>17} {'recall at FPR 1 %':>20}")
    for name, values in found.items():
        mean, spread = np.mean(values, axis=0), np.std(values, axis=0)
        print(f"{name:>14} {mean[0]:>9.4f} ± {spread[0]:.4f} {mean[1]:>12.3f} ± {spread[1]:.3f}")
    peer = np.mean(found["plain script"], axis=0)
    for name in RECIPES:
        ours = np.mean(found[name], axis=0)
        for figure, mine, other in zip(("AUROC", "recall at FPR 1 %"), ours, peer, strict=True):
            row = {
                "benchmark": "training_quality",
                "figure": f"{figure}, {name}, {arguments.network}",
                "unit": "",
                "ours": float(mine),
                "peer": float(other),
                "ratio": float(mine / other) if other else None,
                "target": 1.0,
                "met": bool(mine >= other),
            }
            print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
