"""What a network predicts: lens or not, which class, or which values."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lensapp.core.config import Spec, read_json, write_json
from lensapp.core.errors import InvalidInput
from lensapp.core.train.unlabelled_spec import SOURCE

LENS_PARAMETERS = (
    "einstein_radius_arcsec",
    "ellipticity_e1",
    "ellipticity_e2",
    "lens_x_arcsec",
    "lens_y_arcsec",
)
"""θE, εx, εy, x and y of Hezaveh et al. (2017), by the names the demo survey gives them."""
TARGET_SYMBOLS = {
    "einstein_radius_arcsec": "θE",
    "ellipticity_e1": "εx",
    "ellipticity_e2": "εy",
    "lens_x_arcsec": "x",
    "lens_y_arcsec": "y",
}


class BinaryTask(Spec):
    """Tell lenses from non-lenses."""

    kind: Literal["binary"] = Field(
        "binary",
        title="Task",
        description="binary: lens or not; classes: which of several; regression: values; contrastive: "
        "features, without labels.",
    )
    output: Literal["sigmoid", "softmax"] = Field(
        "sigmoid",
        title="Output",
        description="One unit (sigmoid) or one per class (softmax); both give one score.",
    )


class ClassTask(Spec):
    """Tell several classes of objects apart."""

    kind: Literal["classes"] = "classes"
    classes: tuple[str, ...] = Field(
        (),
        max_length=64,
        title="Classes",
        description="Classes in order; empty takes all of the training part.",
    )
    positive: tuple[str, ...] = Field(
        ("lens",),
        min_length=1,
        title="Positive classes",
        description="Classes whose probabilities sum to the score.",
    )
    merged: tuple[str, ...] = Field(
        (),
        max_length=64,
        title="Merged classes",
        description="Classes taken as one, each as NEW=A+B, for example disc=spiral+barred spiral.",
    )

    @model_validator(mode="after")
    def check_merged(self) -> Self:
        """Refuse what names no class to merge, or one twice."""
        merged_names(self.merged)
        return self


def merged_names(merged: Sequence[str]) -> dict[str, str]:
    """Return what each merged class becomes, from words such as "disc=spiral+barred spiral".

    References
    ----------
    Barchi et al. 2020, Astronomy and Computing 30, 100334, who merge 11 classes to 9, 7 and 3.
    """
    becomes: dict[str, str] = {}
    for word in merged:
        new, _, old = word.partition("=")
        names = [name.strip() for name in old.split("+")]
        if not new.strip() or not all(names):
            raise ValueError(f"{word!r} does not say which classes become one: write NEW=A+B")
        for name in names:
            if becomes.setdefault(name, new.strip()) != new.strip():
                raise ValueError(f"{name} cannot become both {becomes[name]} and {new.strip()}")
    return becomes


class RegressionTask(Spec):
    """Estimate values of each object with their uncertainties."""

    kind: Literal["regression"] = "regression"
    targets: tuple[str, ...] = Field(
        LENS_PARAMETERS,
        min_length=1,
        max_length=16,
        title="Targets",
        description="Properties to estimate, in order.",
    )


class ContrastiveTask(Spec):
    """Learn to recognise a cutout among others after it was changed; no label is looked at.

    References
    ----------
    Chen et al. 2020, ICML, arXiv:2002.05709.
    """

    kind: Literal["contrastive"] = "contrastive"
    source: str | None = SOURCE
    temperature: float = Field(
        0.2,
        gt=0.0,
        le=10.0,
        title="Temperature",
        description="Scale of the similarities: the smaller, the more the most similar other cutouts count.",
    )
    projection: int = Field(
        64,
        ge=2,
        le=4096,
        title="Projection",
        description="Values in which copies are compared; a layer before makes them of the features, and "
        "both are dropped afterwards.",
    )


LENS, NONLENS = "lens", "nonlens"
BINARY_CLASSES = (NONLENS, LENS)
TASK = "task.json"
LOG_VARIANCE_RANGE = (-10.0, 10.0)
"""Limits of what a gaussian head may say about its variance, in units of the standardised targets."""

Values = NDArray[np.float32]
TaskSpec = Annotated[BinaryTask | ClassTask | RegressionTask | ContrastiveTask, Field(discriminator="kind")]


@dataclass(frozen=True)
class Head:
    """The last layer of a network.

    Attributes
    ----------
    kind
        "sigmoid", "softmax", or "gaussian": means, then logarithms of variances.
    units
        Scores, classes or values; a gaussian head has twice as many outputs.
    """

    kind: Literal["sigmoid", "softmax", "gaussian"] = "sigmoid"
    units: int = 1

    @property
    def outputs(self) -> int:
        """Number of outputs of the network."""
        return 2 * self.units if self.kind == "gaussian" else self.units


class FittedTask(Spec):
    """The task of a network as its training part settled it: saved as `task.json` beside it."""

    version: Literal[1] = Field(1, description="Version of this format.")
    kind: Literal["binary", "classes", "regression", "contrastive"] = Field(
        "binary", description="Kind of the task."
    )
    output: Literal["sigmoid", "softmax", "gaussian"] = Field("sigmoid", description="Last layer.")
    classes: tuple[str, ...] = Field(BINARY_CLASSES, description="Classes in the order of the outputs.")
    positive: tuple[str, ...] = Field((LENS,), description="Classes whose probabilities sum to the score.")
    merged: tuple[str, ...] = Field((), description="Classes that were taken as one.")
    targets: tuple[str, ...] = Field((), description="Estimated properties in the order of the outputs.")
    centre: tuple[float, ...] = Field((), description="Mean of each target in the training part.")
    scale: tuple[float, ...] = Field((), description="Standard deviation of each target there.")

    @property
    def head(self) -> Head:
        """The last layer that answers this task."""
        if self.output == "gaussian":
            return Head("gaussian", len(self.targets))
        return Head("softmax", len(self.classes)) if self.output == "softmax" else Head()

    @property
    def scores_candidates(self) -> bool:
        """Whether the network gives each candidate a score; one for values or features does not."""
        return self.kind not in ("regression", "contrastive")

    def question(self) -> "BinaryTask | ClassTask | RegressionTask":
        """Return the task that asks for these very classes or targets."""
        if self.kind == "regression":
            return RegressionTask(targets=self.targets)
        if self.kind == "classes":
            return ClassTask(classes=self.classes, positive=self.positive, merged=self.merged)
        return BinaryTask()

    def positive_columns(self) -> list[int]:
        """Return the places of the positive classes."""
        return [place for place, name in enumerate(self.classes) if name in self.positive]

    def columns(self) -> tuple[str, ...]:
        """Return the names of what `table` gives of each cutout."""
        if self.kind == "regression":
            return (*self.targets, *(f"{name}_sigma" for name in self.targets))
        return tuple(f"probability_{name}" for name in self.classes) if self.kind == "classes" else ()

    def table(self, outputs: NDArray[Any]) -> Values:
        """Return what is kept of each cutout besides its score, shape (n, columns)."""
        if self.kind == "regression":
            return np.concatenate(self.estimates(outputs), axis=1).astype(np.float32)
        return np.asarray(outputs[:, : len(self.columns())], np.float32)

    def scores(self, outputs: NDArray[Any]) -> Values:
        """Return one score per cutout from the network's outputs, shape (n, outputs) → (n,).

        Raises InvalidInput when the network estimates values.
        """
        if self.kind == "contrastive":
            raise InvalidInput(
                "This run was trained without labels and gives features only. Train a network that starts "
                "from it, or a head on its features."
            )
        if not self.scores_candidates:
            raise InvalidInput(
                f"This run estimates {', '.join(self.targets)} and gives no score. Choose a run with a "
                "binary or a class task."
            )
        if self.output == "sigmoid":
            return np.asarray(outputs[:, 0], np.float32)
        summed = outputs[:, self.positive_columns()].sum(axis=1)
        return np.asarray(np.clip(summed, 0.0, 1.0), np.float32)

    def standardised(self, values: NDArray[Any]) -> Values:
        """Return targets (n, t) with the mean and the scale of the training part taken out."""
        return np.asarray((values - np.array(self.centre)) / np.array(self.scale), np.float32)

    def estimates(self, outputs: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return means and standard deviations in the units of the targets, each of shape (n, t).

        Parameters
        ----------
        outputs : shape (n, 2t)
            Standardised means, then logarithms of variances.
        """
        count = len(self.targets)
        values = np.asarray(outputs, np.float64)
        spread = np.exp(0.5 * np.clip(values[:, count:], *LOG_VARIANCE_RANGE))
        scale = np.array(self.scale)
        return values[:, :count] * scale + np.array(self.centre), spread * scale

    def outputs_of(self, mean: NDArray[Any], sigma: NDArray[Any]) -> Values:
        """Return the outputs that stand for these estimates: the inverse of `estimates`."""
        variance = np.square(np.asarray(sigma) / np.array(self.scale))
        log_variance = np.clip(np.log(variance), *LOG_VARIANCE_RANGE)
        return np.concatenate([self.standardised(mean), log_variance.astype(np.float32)], axis=1)


def fit_task(task: TaskSpec, *, classes: tuple[str, ...], labels: NDArray[Any]) -> FittedTask:
    """Return a task with what the training part settles.

    Parameters
    ----------
    task
        What the network predicts.
    classes
        Classes in the order of the labels; not used for regression.
    labels
        0 and 1 (n,), indices of classes (n,), or targets (n, t).

    InvalidInput refuses absent classes, none or all of them positive, and constant targets.
    """
    if isinstance(task, RegressionTask):
        return fit_regression(task, labels)
    if isinstance(task, ContrastiveTask):
        return FittedTask(kind="contrastive", classes=(), positive=())
    present = set(np.unique(labels).tolist())
    if len(classes) < 2 or len(present) < len(classes):
        counts = ", ".join(f"{np.count_nonzero(labels == k)} {name}" for k, name in enumerate(classes))
        raise InvalidInput(
            "A network needs at least two classes with training cutouts in each; there are "
            f"{counts or 'none'}. Leave the absent classes out of the task or split a source that has them."
        )
    if isinstance(task, BinaryTask):
        return FittedTask(output=task.output)
    positive = tuple(name for name in classes if name in task.positive)
    if not positive or len(positive) == len(classes):
        raise InvalidInput(
            f"Some of the classes {', '.join(classes)} must be positive, not none or all, and these are "
            f"{', '.join(task.positive)}. Set task.positive to the classes you look for."
        )
    return FittedTask(
        kind="classes", output="softmax", classes=classes, positive=positive, merged=task.merged
    )


def fit_regression(task: RegressionTask, labels: NDArray[Any]) -> FittedTask:
    """Return the task with the mean and scatter of its targets (n, t) in the training part."""
    values = np.asarray(labels, np.float64)
    scale = values.std(axis=0)
    constant = [name for name, spread in zip(task.targets, scale, strict=True) if not spread > 0]
    if constant:
        raise InvalidInput(
            f"All {len(values)} training cutouts have the same {', '.join(constant)}. Leave it out of "
            "task.targets."
        )
    centre = tuple(float(value) for value in values.mean(axis=0))
    return FittedTask(
        kind="regression",
        output="gaussian",
        classes=(),
        positive=(),
        targets=task.targets,
        centre=centre,
        scale=tuple(float(value) for value in scale),
    )


def save_task(folder: Path, task: FittedTask) -> None:
    """Write the task beside the network."""
    write_json(folder / TASK, task.saved())


def load_task(folder: Path) -> FittedTask:
    """Return the task of a run; one without a file tells lenses from non-lenses."""
    path = folder / TASK
    return FittedTask.parse(read_json(path)) if path.exists() else FittedTask()


def combine_estimates(
    means: NDArray[Any], sigmas: NDArray[Any], *, centre: Literal["mean", "median", "weighted"] = "mean"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Combine the estimates of several networks, or of several passes of Monte-Carlo dropout.

    Parameters
    ----------
    means, sigmas : shape (members, n, t)
        Estimates and uncertainties of each.
    centre
        What is taken of the estimates; a median is not moved by one network that is far off, and the mean
        weighted by 1 / sigma² listens to the networks that are sure.

    Returns
    -------
    means, sigmas : shape (n, t)
        Mean and standard deviation of the mixture, equal or with these weights: the mean variance (what
        no network can know) plus the variance of the means (what these networks disagree about).

    References
    ----------
    Lakshminarayanan, Pritzel & Blundell 2017, NIPS, section 2.4.
    """
    means, sigmas = np.asarray(means, np.float64), np.asarray(sigmas, np.float64)
    weights = sigmas**-2 if centre == "weighted" else np.ones_like(sigmas)
    weights /= weights.sum(axis=0)
    mean = (weights * means).sum(axis=0)
    variance = (weights * (sigmas**2 + (means - mean) ** 2)).sum(axis=0)
    return np.median(means, axis=0) if centre == "median" else mean, np.sqrt(variance)


def target_symbol(target: str) -> str:
    """Return the symbol of a value that networks estimate, or its name without its unit."""
    return TARGET_SYMBOLS.get(
        target, target.removesuffix("_arcsec").removesuffix("_pixels").replace("_", " ")
    )
