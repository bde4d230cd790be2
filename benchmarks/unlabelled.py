"""What cutouts without labels are worth beside 50 labels: SimCLR, FixMatch, and both, on the demo survey.

Of a simulated survey a third is the test part. Of the rest 50 cutouts, 25 of them lenses, are drawn as the
labelled training part and 20, 10 of them lenses, as validation part, anew with every seed; all others are
unlabelled. "labels alone" is the recommended recipe with early stopping on that validation part, in more
steps than any other row takes; "labels and changes" shows it the labelled cutouts as FixMatch changes its
copies. The other rows have the same validation part. "all labels" tells what there is to gain. Differences
from labels alone are between the same draws, with their 95 % interval (Student's t). Test cutouts are never
looked at by a training, not even unlabelled.

Trainings are kept in a JSON file, so that a run that was killed goes on:
`python benchmarks/unlabelled.py [--quick] [--network elu_cnn] [--seeds 3] [--results FILE]`.
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from common.by_seed import Found, figures_of, kept_results, make_parser, print_rows, print_table
from numpy.typing import NDArray

from lensapp.core.backend import choose_backend
from lensapp.core.config import merged, read_json, write_json
from lensapp.core.score.encoder_spec import HeadSpec
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.presets import RECOMMENDED, find_preset
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.core.train.unlabelled_spec import SURVEY_CHANGES
from lensapp.simulation.survey import DemoSpec, simulate

PRETRAINING_EPOCHS = 40
LABELS, VALIDATION_LABELS, TEST_SHARE = 50, 20, 1 / 3
ALONE, CHANGED, SIMCLR = "labels alone", "labels and changes", "SimCLR"
HEAD, FIXMATCH, BOTH, EVERY = "SimCLR, head only", "FixMatch", "SimCLR + FixMatch", "all labels"
ALL = (ALONE, CHANGED, SIMCLR, HEAD, FIXMATCH, BOTH, EVERY)
FEW: dict[str, Any] = {"batch_size": 16, "epochs": 200, "early_stopping_patience": 60, "monitor": "val_auc"}


class Sample:
    """Simulated cutouts in memory, read as packed ones are."""

    def __init__(self, count: int, *, size: int, seed: int) -> None:
        spec = DemoSpec(count=count, lens_fraction=0.3, size=size, seed=seed)
        survey = simulate(spec)
        self.pixels = survey.pixels
        self.labels = np.array([one.label == "lens" for one in survey.truth], np.int64)
        self.shape = self.pixels.shape
        self.bands = spec.bands
        self.scale = spec.pixel_scale_arcsec

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the cutouts at `rows`."""
        return self.pixels[rows]

    def draw(self, seed: int) -> dict[str, NDArray[np.int64]]:
        """Return the rows of each part, the labelled ones drawn by `seed`."""
        order = np.random.default_rng(0).permutation(len(self.labels))
        test, rest = np.split(order, [round(TEST_SHARE * len(order))])
        rng = np.random.default_rng(seed)
        of_class = [rng.permutation(rest[self.labels[rest] == label]) for label in (0, 1)]
        half, more = LABELS // 2, VALIDATION_LABELS // 2
        return {
            "train": np.concatenate([rows[:half] for rows in of_class]),
            "validation": np.concatenate([rows[half : half + more] for rows in of_class]),
            "rest": np.concatenate([np.delete(rows, slice(half, half + more)) for rows in of_class]),
            "test": test,
        }


@dataclass(frozen=True)
class Trial:
    """One draw of labels, and the folder in which its trainings are."""

    sample: Sample
    network: str
    seed: int
    folder: Path
    shorter: float = 1.0

    def part(self, name: str, *, labelled: bool = True) -> Any:
        """Return a part as a training takes it."""
        from lensapp.learning.feed.batches import LabelledCutouts

        rows = self.sample.draw(self.seed)[name]
        labels = self.sample.labels[rows] if labelled else np.zeros(len(rows), np.int64)
        return LabelledCutouts(
            cutouts=self.sample,
            rows=rows,
            labels=labels,
            bands=self.sample.bands,
            pixel_scale_arcsec=self.sample.scale,
        )

    def spec(self, *changes: dict[str, Any]) -> TrainingSpec:
        """Return a recipe from settings, each changing those before."""
        values: dict[str, Any] = {"network": self.network, "seed": self.seed, "device": "cpu"}
        for one in changes:
            values = merged(values, one)
        values["epochs"] = max(2, round(self.shorter * values["epochs"]))
        return TrainingSpec.parse(values)

    def pretrained(self) -> Path:
        """Return the folder of the pre-trained network, which is trained unless it is there."""
        from lensapp.learning.train.training import train

        folder = self.folder / "pretrained"
        recipe = find_preset("SIMCLR").spec.saved() | {"network": self.network}
        train(
            self.spec(recipe, {"seed": self.seed, "device": "cpu", "epochs": PRETRAINING_EPOCHS}),
            training=self.part("rest", labelled=False),
            validation=None,
            folder=folder,
        )
        return folder

    def train(self, name: str) -> list[float]:
        """Train what a row of the table stands for; return its figures on the test part."""
        from lensapp.learning.train.training import train

        if name == HEAD:
            return self.head_on_features()
        recipe: dict[str, Any] = RECOMMENDED | FEW
        options: dict[str, Any] = {"training": self.part("train")}
        if name == CHANGED:
            recipe = recipe | {"augmentation": SURVEY_CHANGES.saved()}
        if name in (SIMCLR, BOTH):
            options["initial_folder"] = self.pretrained()
            recipe = recipe | FINE_TUNED
        if name in (FIXMATCH, BOTH):
            recipe = recipe | SEMI_SUPERVISED
            options["unlabelled"] = self.part("rest", labelled=False)
        if name == EVERY:
            recipe = recipe | {"batch_size": 64, "epochs": 20}
            options["training"] = self.part("rest")
        folder = self.folder / name
        spec = self.spec(recipe, {"initial_run": "pretrained"} if "initial_folder" in options else {})
        train(spec, validation=self.part("validation"), folder=folder, **options)
        return self.measured(folder)

    def head_on_features(self) -> list[float]:
        """Fit a logistic head on the features of the pre-trained network; return its figures."""
        import keras

        from lensapp.learning.encoders.heads import fitted_head, logistic
        from lensapp.learning.score.feature_extractor import without_head

        folder = self.pretrained()
        fitted = FittedNormalisation.parse(read_json(folder / "normalisation.json"))
        body = without_head(keras.saving.load_model(folder / "best.keras", compile=False))
        rows = self.sample.draw(self.seed)
        train, test = (
            body.predict(fitted.apply(self.sample.read(rows[part])), batch_size=256, verbose=0)
            for part in ("train", "test")
        )
        weights, bias = fitted_head(
            train, self.sample.labels[rows["train"]], HeadSpec(encoder="", strength=0.1)
        )
        return figures_of(self.sample.labels[rows["test"]], logistic(test, weights, bias))

    def measured(self, folder: Path) -> list[float]:
        """Return the figures of the best network in `folder` on the test part."""
        import keras

        rows = self.sample.draw(self.seed)["test"]
        fitted = FittedNormalisation.parse(read_json(folder / "normalisation.json"))
        network = keras.saving.load_model(folder / "best.keras", compile=False)
        scores = network.predict(fitted.apply(self.sample.read(rows)), batch_size=256, verbose=0)[:, -1]
        return figures_of(self.sample.labels[rows], np.asarray(scores, np.float64))


FINE_TUNED: dict[str, Any] = {"augmentation": SURVEY_CHANGES.saved()}
SEMI_SUPERVISED: dict[str, Any] = {
    "epochs": 30,
    "early_stopping_patience": 15,
    "unlabelled": {"kind": "fixmatch", "ratio": 3, "align": 0.3},
}


def main() -> None:
    parser = make_parser(__doc__, quick="one seed, fewer cutouts and epochs", count=1500)
    parser.add_argument("--only", default=";".join(ALL), help="rows of the table, separated by semicolons")
    arguments = parser.parse_args()
    choose_backend()
    count, seeds, shorter = arguments.count, arguments.seeds, 1.0
    if arguments.quick:
        count, seeds, shorter = 300, 1, 0.05
        arguments.only = ";".join((ALONE, SIMCLR, FIXMATCH))
    sample = Sample(count, size=arguments.size, seed=11)
    settings = {"network": arguments.network, "count": count, "size": arguments.size, "labels": LABELS}
    kept = kept_results(arguments.results, settings, parser)
    found: Found = kept["found"]
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(sample, arguments.network, seed, Path(folder), shorter)
            for name in arguments.only.split(";"):
                if str(seed) in found.get(name, {}):
                    continue
                start = time.process_time()
                found.setdefault(name, {})[str(seed)] = figures = trial.train(name)
                spent = time.process_time() - start
                print(f"{name}, seed {seed}: {figures} in {spent:.0f} processor seconds", file=sys.stderr)
                if arguments.results:
                    write_json(arguments.results, kept)
    rows = sample.draw(0)
    print(
        f"{arguments.network}, {len(rows['train'])} labels, {len(rows['rest'])} unlabelled cutouts of "
        f"{arguments.size} pixels; {len(rows['test'])} to test"
    )
    print_table({name: found[name] for name in ALL if name in found}, base=ALONE, heading="trained on")
    print_rows(
        found, (SIMCLR, HEAD, FIXMATCH, BOTH), peer=ALONE, benchmark="unlabelled", network=arguments.network,
        better=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
