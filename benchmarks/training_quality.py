"""What each option of a recipe is worth, beside a plain Keras script with the same cutouts and epochs.

The script is what the documents train with: Adam at a constant rate, random rotations and reflections, and
the weights of the epoch with the lowest validation loss. "documents" is our loop with those settings,
"recommended" adds what is in `RECOMMENDED`; every other row is the recommended recipe with one change. All
figures are of the test part of a survey like Pan-STARRS1, the mean of the seeds with their standard
deviation; differences from the recommended recipe are between networks of the same seed, with their 95 %
interval (Student's t).

Trainings are kept in a JSON file, so that a run that was killed goes on:
`python benchmarks/training_quality.py [--quick] [--network elu_cnn] [--results FILE] [--only NAME,NAME]`.
"""

import sys
import tempfile
import time
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from common.by_seed import Found, figures_of, kept_results, make_parser, print_rows, print_table

from lensapp.core.backend import choose_backend
from lensapp.core.config import merged, read_json, write_json
from lensapp.core.train.normalisation import FittedNormalisation, NormalisationSpec, fit_normalisation
from lensapp.core.train.presets import RECOMMENDED
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.simulation.survey import DemoSpec, simulate

PLAIN, DOCUMENTS, BASE = "plain script", "documents", "recommended"
CYCLIC = "cyclic"
ORIENTATIONS, SNAPSHOTS = "mean of 8 orientations", "committee of 3 snapshots"
CONSTANT: dict[str, Any] = {"kind": "constant"}
CHANGES: dict[str, dict[str, Any]] = {
    "mixup 0.2": {"augmentation": {"mixup_alpha": 0.2}},
    "shifts of 3 pixels": {"augmentation": {"shift_pixels": 3, "whole_pixels": True}},
    "one cycle": {"schedule": {"kind": "one_cycle"}},
    "square-root stretch": {"normalisation": {"kind": "sqrt"}},
    "cutmix 1": {"augmentation": {"cutmix_alpha": 1.0}},
    "oversampling 1": {"oversampling": 1.0},
    CYCLIC: {"schedule": {"kind": "cyclic", "cycles": 3}},
    "best by TPR at FPR 1 %": {"monitor": "val_tpr_at_fpr"},
    "best by validation loss": {"monitor": "val_loss"},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "focal loss 2": {"focal_gamma": 2.0},
    "without cosine and warm-up": {"schedule": CONSTANT},
    "without weight averaging": {"weight_average": None},
    "without momentum 0.9": {"batch_momentum": None},
    "without class shares": {"prior_bias": False},
    "without clipping": {"gradient_clip": None},
}
COME_WITH = {ORIENTATIONS: BASE, SNAPSHOTS: CYCLIC}
"""Rows that are made of the networks of another."""

BATCH, LEARNING_RATE = 64, 1e-3


class Sample:
    """Simulated cutouts in memory, read as packed ones are."""

    def __init__(self, count: int, *, size: int, seed: int) -> None:
        spec = DemoSpec(
            survey="ps1", count=count, lens_fraction=0.3, size=size, bands=("g", "r", "i"), seed=seed
        )
        survey = simulate(spec)
        self.pixels = survey.pixels
        self.labels = np.array([one.label == "lens" for one in survey.truth], np.int64)
        self.shape = self.pixels.shape
        self.bands = spec.bands
        self.scale = spec.pixel_scale_arcsec
        order = np.random.default_rng(0).permutation(count)
        self.parts = [np.sort(rows) for rows in np.split(order, [int(0.35 * count), int(0.5 * count)])]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the cutouts at `rows`."""
        return self.pixels[rows]


@dataclass(frozen=True)
class Budget:
    """What every training has: cutouts, network, epochs."""

    sample: Sample
    network: str
    epochs: int

    def measured(self, scores: np.ndarray) -> list[float]:
        """Return the figures of scores of the test part."""
        return figures_of(self.sample.labels[self.sample.parts[2]], scores)

    def train_ours(self, changes: dict[str, Any], *, seed: int, name: str) -> dict[str, list[float]]:
        """Train with our loop; return figures by row, several where one training gives several."""
        import keras

        from lensapp.learning.feed.augmentation import reorient
        from lensapp.learning.feed.batches import LabelledCutouts
        from lensapp.learning.train.training import train

        sample, labels = self.sample, self.sample.labels
        recipe = {
            "network": self.network,
            "epochs": self.epochs,
            "batch_size": BATCH,
            "learning_rate": LEARNING_RATE,
        }
        training, validation = (
            LabelledCutouts(
                cutouts=sample,
                rows=rows,
                labels=labels[rows],
                bands=sample.bands,
                pixel_scale_arcsec=sample.scale,
            )
            for rows in sample.parts[:2]
        )
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            train(
                TrainingSpec.parse(recipe | {"seed": seed, "device": "cpu"} | changes),
                training=training,
                validation=validation,
                folder=folder,
            )
            fitted = FittedNormalisation.parse(read_json(folder / "normalisation.json"))
            images = fitted.apply(sample.read(sample.parts[2]))

            def scores(path: Path, pixels: np.ndarray) -> np.ndarray:
                network = keras.saving.load_model(path, compile=False)
                return np.asarray(network.predict(pixels, batch_size=256, verbose=0)[:, -1])

            figures = {name: self.measured(scores(folder / "best.keras", images))}
            if name == BASE:
                turned = [reorient(images, np.full(len(images), code)) for code in range(8)]
                eight = np.mean([scores(folder / "best.keras", pixels) for pixels in turned], axis=0)
                figures[ORIENTATIONS] = self.measured(eight)
            if name == CYCLIC:
                members = [scores(path, images) for path in sorted(folder.glob("snapshot-*.keras"))]
                figures[SNAPSHOTS] = self.measured(np.mean(members, axis=0))
        return figures

    def train_plain(self, *, seed: int) -> dict[str, list[float]]:
        """Train as a notebook does; the normalisation is ours, so that only the training differs."""
        import keras

        from lensapp.core.train.tasks import Head
        from models.registry import build

        keras.utils.set_random_seed(seed)
        sample = self.sample
        fitted = fit_normalisation(
            sample.read(sample.parts[0]),
            NormalisationSpec(),
            bands=sample.bands,
            pixel_scale_arcsec=sample.scale,
        )
        images = [fitted.apply(sample.read(rows)) for rows in sample.parts]
        labels = [sample.labels[rows] for rows in sample.parts]
        model = build(self.network, input_shape=images[0].shape[1:], head=Head())
        model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="binary_crossentropy")
        rng, best, weights = np.random.default_rng(seed), np.inf, model.get_weights()
        for _ in range(self.epochs):
            turned = images[0].copy()
            for index, turns in enumerate(rng.integers(0, 8, len(turned))):
                image = np.rot90(turned[index], turns % 4)
                turned[index] = image[:, ::-1] if turns > 3 else image
            model.fit(turned, labels[0], batch_size=BATCH, verbose=0)
            loss = float(model.evaluate(images[1], labels[1], verbose=0))
            if loss < best:
                best, weights = loss, model.get_weights()
        model.set_weights(weights)
        return {PLAIN: self.measured(model.predict(images[2], verbose=0)[:, -1])}


def chosen_recipes(asked: str | None, parser: ArgumentParser) -> dict[str, dict[str, Any]]:
    """Return the recipes besides the first three by name: those that are asked for, or all."""
    if asked is None:
        return {name: merged(RECOMMENDED, changes) for name, changes in CHANGES.items()}
    names = [COME_WITH.get(name.strip(), name.strip()) for name in asked.split(",") if name.strip()]
    if unknown := [name for name in names if name not in CHANGES and name != BASE]:
        every = ", ".join([*CHANGES, *COME_WITH])
        parser.error(f"There is no recipe called {', '.join(unknown)}. Choose among: {every}.")
    return {name: merged(RECOMMENDED, CHANGES[name]) for name in names if name != BASE}


def main() -> None:
    parser = make_parser(__doc__, quick="one seed, fewer cutouts and epochs, no changes", count=3000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--only", help="names of recipes besides the first three, separated by commas")
    arguments = parser.parse_args()
    chosen = chosen_recipes(arguments.only, parser)
    choose_backend()
    count, epochs, seeds = arguments.count, arguments.epochs, arguments.seeds
    if arguments.quick:
        count, epochs, seeds = 400, 2, 1
    budget = Budget(Sample(count, size=arguments.size, seed=11), arguments.network, epochs)
    recipes: dict[str, dict[str, Any]] = {PLAIN: {}, DOCUMENTS: {}, BASE: RECOMMENDED}
    if not arguments.quick:
        recipes |= chosen
    settings = {"network": arguments.network, "count": count, "size": arguments.size, "epochs": epochs}
    kept = kept_results(arguments.results, settings, parser)
    found: Found = kept["found"]
    for name, recipe in recipes.items():
        for seed in map(str, range(seeds)):
            if seed in found.get(name, {}):
                continue
            start = time.monotonic()
            if name == PLAIN:
                figures = budget.train_plain(seed=int(seed))
            else:
                figures = budget.train_ours(recipe, seed=int(seed), name=name)
            for row, values in figures.items():
                found.setdefault(row, {})[seed] = values
            print(f"{name}, seed {seed}: {figures} in {time.monotonic() - start:.0f} s", file=sys.stderr)
            if arguments.results:
                write_json(arguments.results, kept)
    train, test = len(budget.sample.parts[0]), len(budget.sample.parts[2])
    print(f"{arguments.network}, {train} cutouts of {arguments.size} pixels, {epochs} epochs; {test} to test")
    print_table(found, base=BASE, heading="recipe")
    print_rows(found, (DOCUMENTS, BASE), peer=PLAIN, benchmark="training_quality", network=arguments.network)


if __name__ == "__main__":
    main()
