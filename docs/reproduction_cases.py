"""What is run for each document, and how its figures are read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lensapp.core.evaluate.intervals import wilson_interval

Answers = list[Any]

SURVEYS = (
    "demo --name survey",
    "split survey --name survey-v1",
)
RECIPE = (
    "--batch-size 32 --schedule-kind cosine --schedule-warmup-epochs 1 --weight-average 0.98 "
    "--gradient-clip 1 --prior-bias true --batch-momentum 0.9 --monitor val_auc"
)
"""The recommended recipe; the best epoch by AUROC, which is what the page reports."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A network on the demo survey.

    Attributes
    ----------
    label, network, document
        A name for its runs, the network and the document that shows it.
    epochs, rate
        Its budget in passes through the 1 120 training cutouts, and the first learning rate.
    settings
        What differs from the network's own options.
    seeds
        How many seeds are trained; three where networks are ranked.
    note
        What the figure does not tell.
    minutes
        Processor minutes of its budget, for rows that have not run: reckoned from two steps, times 1.5, as
        the lens CNN took beyond its steps.
    """

    label: str
    network: str
    document: str
    epochs: int
    rate: str = "1e-3"
    settings: str = ""
    seeds: int = 1
    note: str = ""
    minutes: float | None = None

    def commands(self, seed: int) -> tuple[str, str]:
        """Return the commands that train and measure one seed."""
        name = f"{self.label}-{seed}"
        options = f"--network-options '{self.settings}' " if self.settings else ""
        train = (
            f"train survey-v1 --model {self.network} {options}--epochs {self.epochs} "
            f"--learning-rate {self.rate} {RECIPE} --seed {seed} --name {name}"
        )
        return train, f"evaluate {name}"


QUARTER = '{"width": 0.25}'
HALF = '{"width": 0.5}'
ROWS = (
    Row(
        label="lenet5",
        note="made for 32-pixel digits; it learns the 1 120 training cutouts by heart (AUROC 0.94 there, 0.87 on validation), so that more cutouts would help, not more passes",
        network="lenet5",
        document="S3",
        epochs=40,
        seeds=3,
    ),
    Row(
        label="simple-cnn",
        note="one 3×3 convolution and a dense layer on its pixels learn the 1 120 training cutouts by heart (AUROC 0.93 there, 0.83 on validation), so that more cutouts would help, not more passes",
        network="simple_cnn",
        document="S5",
        epochs=30,
        seeds=3,
    ),
    Row(label="elu-cnn", network="elu_cnn", document="S5", epochs=20, seeds=3),
    Row(
        label="equivariant-resnet", network="equivariant_resnet", document="this project", epochs=16, seeds=3
    ),
    Row(label="lastro-invariant", network="lastro_invariant", document="S5", epochs=16, seeds=3),
    Row(
        label="lastro-baseline",
        network="lastro_baseline",
        document="S5",
        epochs=36,
        rate="5e-4",
    ),
    Row(
        label="lastro-views",
        network="lastro_views",
        document="S5",
        epochs=36,
        rate="5e-4",
    ),
    Row(label="lastro-residual", network="lastro_residual", document="S5", epochs=12),
    Row(label="lens-cnn", network="lens_cnn", document="S1", epochs=14, rate="6e-4"),
    Row(
        label="rotational-literal",
        network="rotational_cnn",
        document="S1",
        epochs=24,
        rate="6e-4",
        settings='{"form": "literal"}',
    ),
    Row(
        label="rotational-aligned",
        network="rotational_cnn",
        document="S1",
        epochs=10,
        rate="6e-4",
        settings='{"form": "aligned"}',
    ),
    Row(label="deeplens", network="deeplens_resnet46", document="S4", epochs=10),
    Row(label="googlenet", network="googlenet", document="S3", epochs=12),
    Row(
        label="alexnet",
        network="alexnet",
        document="S3",
        epochs=40,
        rate="3e-4",
        note="learns the 1 120 training cutouts by heart (at its best epoch, 26 of 40, AUROC 0.95 there and 0.92 on validation), so that more cutouts would help, not more passes; 0.9 lies within its interval",
    ),
    Row(
        label="overfeat",
        network="overfeat",
        document="S3",
        epochs=24,
        rate="5e-4",
        settings=QUARTER,
        note="a quarter of its width learns the 1 120 training cutouts (AUROC 0.92 there, 0.85 on validation), so that more cutouts would help, not more passes",
    ),
    Row(label="vgg16", network="vgg16", document="S3", epochs=20, rate="3e-4", settings=QUARTER),
    Row(
        label="inception-v4",
        network="inception_v4",
        document="S3",
        epochs=40,
        settings=QUARTER,
        note="a quarter of its width learns the 1 120 training cutouts by heart (at its best epoch, 31 of 40, AUROC 0.95 there and 0.87 on validation), so that more cutouts would help, not more passes",
    ),
    Row(label="resnet34", network="resnet34", document="S3", epochs=12, settings=HALF),
    Row(
        label="resnet50",
        network="resnet50",
        document="S3",
        epochs=28,
        settings=HALF,
    ),
    Row(
        label="resnet101",
        network="resnet101",
        document="S3",
        epochs=14,
        settings=QUARTER,
        note="its best epoch is its last, with an AUROC of 0.86 on the training cutouts and 0.71 on validation: a quarter of its width and fourteen passes are too few for it",
    ),
    Row(
        label="resnet152",
        network="resnet152",
        document="S3",
        epochs=12,
        settings=QUARTER,
        note="its best epoch is 10 of 12, with an AUROC of 0.77 on the training cutouts and 0.74 on validation: a quarter of its width and twelve passes are too few for it",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A system of a document that is no row of the table of networks.

    Attributes
    ----------
    name, document, claim
        A short name, the document, and what it says.
    rows
        Labels of the rows of the table that belong to it.
    commands
        Further commands, in order.
    figures
        Makes our numbers of what the further commands printed.
    reading
        What the comparison does and does not say.
    minutes
        As of a row, of the further commands.
    """

    name: str
    document: str
    claim: str
    rows: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    figures: Callable[[Answers], str] | None = None
    reading: str = ""
    minutes: float | None = None


SEVEN = "disc=spiral+edge_on,point=star+artefact"
THREE = "galaxy=elliptical+spiral+edge_on+ring,other=blend+merger+star+artefact"
CLASSES = {"9": "", "7": f"--merged {SEVEN} ", "3": f"--merged {THREE} "}
KINDS = ("tree", "svm", "mlp")


def commands_on_classes() -> tuple[str, ...]:
    """Return the commands that compare classifiers on 9, 7 and 3 classes."""
    made = []
    for count, merged in CLASSES.items():
        made += [
            f"baselines survey-v1 --kinds tree,svm,mlp --on morphology --task classes {merged}"
            f"--name classes-{count}",
            f"train survey-v1 --model elu_cnn --task classes {merged}--epochs 16 --learning-rate 1e-3 "
            f"{RECIPE} --name cnn-{count}",
            f"evaluate cnn-{count}",
        ]
    return tuple(made)


def share(accuracy: float, n: int) -> str:
    """Return a share decided correctly with its 95 % interval (Wilson)."""
    low, high = wilson_interval(round(accuracy * n), n)
    return f"{accuracy:.2f} ({low:.2f}–{high:.2f})"


def on_classes(answers: Answers) -> str:
    """Return the accuracies of classical classifiers and of the network on each number of classes."""
    lines = ["", "", "| classes | tree | SVM | MLP | CNN |", "|---" * 5 + "|"]
    for number, count in enumerate(CLASSES):
        fitted, _, measured = answers[3 * number : 3 * number + 3]
        network = measured["classes"]
        cells = [share(row["accuracy"], network["n"]) for row in fitted["runs"]]
        lines.append(f"| {count} | {' | '.join(cells)} | {share(network['accuracy'], network['n'])} |")
    return "\n".join([*lines, ""])


def figure(answer: dict[str, Any], name: str) -> str:
    """Return a figure of merit of an evaluation with its 95 % interval."""
    interval = answer["intervals"][name]
    return f"{answer[name]:.3f} ({interval['low']:.3f}–{interval['high']:.3f})"


def second_last(answers: Answers) -> str:
    """Return the figures of the network that the last command measured."""
    answer = answers[-1]
    return (
        f"AUROC {figure(answer, 'auroc')}, recall with fewer than ten false positives "
        f"{figure(answer, 'tpr10')}, scatter under rotation {answer['rotation_std']:.2%} (n = {answer['n']})"
    )


def folds(answers: Answers) -> str:
    """Return mean and standard deviation over the folds of both networks."""
    lines = []
    for title, answer in zip(("ResNet-50", "elu_cnn (S5)"), answers, strict=False):
        mean, std = answer["mean"], answer["std"]
        parts = [f"{key} {mean[key]:.3f} ± {std[key]:.3f}" for key in ("accuracy", "auroc", "tpr10")]
        lines.append(f"{title}: {', '.join(parts)} over {len(answer['folds'])} folds")
    return "; ".join(lines)


TARGETS = ("θ_E (arcsec)", "ε_x", "ε_y", "x (arcsec)", "y (arcsec)")
ESTIMATORS = ("elu_cnn", "lenet5", "combined")


def errors(answers: Answers) -> str:
    """Return the 68 % errors of each network and of their committee as a table."""
    lines = ["", "", "| network | " + " | ".join(TARGETS) + " | truths within 68 % |", "|---" * 7 + "|"]
    measured = [answer for answer in answers if "targets" in answer]
    for name, answer in zip(ESTIMATORS, measured, strict=False):
        cells = [f"{target['half_width_68']:.3f}" for target in answer["targets"]]
        lines.append(f"| {name} | {' | '.join(cells)} | {share(answer['coverage_68'], answer['n'])} |")
    return "\n".join([*lines, ""])


CASES = (
    Case(
        name="S1",
        document="S1 · Ivashkov 2022",
        claim="accuracy near 98 % on 80 000 cutouts; the score scatters by 4 % under four rotations; "
        "RotationalConv2D: accuracy near 95 %",
        rows=("lens-cnn", "rotational-literal", "rotational-aligned"),
        reading="The plain network's score scatters under turns, the rotational ones' does not, in either "
        "form: the literal one, as on the slide, since no turn of the image changes its maps, the aligned one "
        "by the maximum over turns behind it.",
    ),
    Case(
        name="S2",
        document="S2 · Singh 2021",
        claim="accuracy 99.1 %, AUC 1.00 for substructure or none, 5 000 images, 5 epochs, 90/10 % without a "
        "validation part",
        commands=(
            "demo --name one-band --count 1600 --lens-fraction 0.5 --bands i --seed 4",
            "split one-band --name one-band-v1 --train 0.8 --validation 0 --test 0.2",
            "train one-band-v1 --preset S2 --network-options '{\"width\": 0.1}' --learning-rate 5e-4 "
            "--batch-size 32 --input-crop-pixels 0 --input-pad-pixels 65 --name s2",
            "evaluate s2",
        ),
        figures=second_last,
        reading="Another question (lens or not in one band, not substructure or none), a tenth of the "
        "document's fields, a quarter of its images, 64 pixels, and a rate ten times its own to get somewhere "
        "in 5 epochs of 40 steps. At full width a step of 32 takes 19 processor seconds here: a GPU's work.",
    ),
    Case(
        name="S3-classes",
        document="S3 · Bom 2018 after Barchi et al.",
        claim="decision tree, SVM, MLP and CNN side by side on classes of galaxies, which are merged: 49, 49, "
        "49 and 63 % for 11 classes, 61, 63, 63 and 70 % for 9, 63, 62, 63 and 72 % for 7, 72, 71, 71 and "
        "81 % for 3",
        commands=commands_on_classes(),
        figures=on_classes,
        reading="The accuracy of all classes, for every classifier. As in the document it rises as classes "
        "are merged. Classical classifiers see a handful of morphological numbers, the network pixels. "
        "The demo survey has nine classes, so that eleven cannot be told apart.",
    ),
    Case(
        name="S3-kfold",
        document="S3 · Bom 2018, example 02",
        claim="ResNet-50 with 2-way softmax, k-fold cross-validation; no figure is given",
        commands=(
            "kfold survey-v1 --preset S3 --network-options '{\"width\": 0.25}' --folds 3 --epochs 6 "
            "--batch-momentum 0.9 --name s3-kfold",
            "kfold survey-v1 --preset S5 --folds 3 --epochs 8 --batch-momentum 0.9 --name s5-kfold",
        ),
        minutes=3.0,
        figures=folds,
        reading="The document shows the method and no figures. The means are over few epochs; the standard "
        "deviations show how far the folds of such a survey lie apart.",
    ),
    Case(
        name="S3-parameters",
        document="S3 · Bom 2018 after Hezaveh et al. 2017",
        claim="68 % errors of θ_E, ε_x, ε_y, x, y: 0.02, 0.04, 0.04, 0.04, 0.04 for the combined network",
        commands=(
            "demo --name lenses --count 2000 --lens-fraction 1 --seed 2",
            "split lenses --name lenses-v1",
            "train lenses-v1 --preset S3-parameters --epochs 30 --name s3-elu",
            "evaluate s3-elu",
            "train lenses-v1 --model lenet5 --task regression --batch-size 32 --epochs 60 --name s3-lenet",
            "evaluate s3-lenet",
            "committee s3-weighted --members s3-elu,s3-lenet --combine weighted",
            "evaluate s3-weighted",
        ),
        figures=errors,
        reading="On images as from the ground, 64 pixels of 0.2 arcsec with noise and seeing, lens light not "
        "taken away and 1 120 training lenses (the document: half a million, from space, without lens light), "
        "errors are larger than the document's.",
    ),
    Case(
        name="S4",
        document="S4 · Storfer et al. 2019",
        claim="DeepLens ResNet-46 at 3 % lenses, 120 epochs; no figure on a test set is given",
        rows=("deeplens",),
        commands=(
            "demo --name rare --count 3000 --lens-fraction 0.03 --seed 3",
            "split rare --name rare-v1",
            "train rare-v1 --preset S4 --class-weights balanced --batch-size 32 --batch-momentum 0.9 "
            "--schedule-kind cosine --weight-average 0.98 --epochs 6 --name s4",
            "evaluate s4",
        ),
        minutes=4.2,
        figures=second_last,
        reading="50 training lenses and 6 epochs in place of 463 and 120. The row of the table is the same "
        "network on a fifth of lenses.",
    ),
)
