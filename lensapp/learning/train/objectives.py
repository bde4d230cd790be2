"""What a network minimises for each task, and the figures that follow it through an epoch."""

import math
from typing import Any

import keras
from keras import ops

from lensapp.core.evaluate.metrics import DEFAULT_THRESHOLD
from lensapp.core.train.tasks import LOG_VARIANCE_RANGE, FittedTask


def gaussian_loss(targets: Any, outputs: Any) -> Any:
    """Return the negative logarithm of the likelihood of targets (n, t), mean over them, shape (n,).

    Parameters
    ----------
    targets
        Standardised values, shape (n, t).
    outputs
        Means, then logarithms of variances, shape (n, 2t).

    References
    ----------
    Nix & Weigend 1994, Proc. IEEE Int. Conf. Neural Networks 1, 55; Hezaveh et al. 2017, Nature 548, 555.
    """
    count = outputs.shape[-1] // 2
    log_variance = ops.clip(outputs[:, count:], *LOG_VARIANCE_RANGE)
    error = ops.square(ops.cast(targets, outputs.dtype) - outputs[:, :count])
    terms = error * ops.exp(-log_variance) + log_variance + math.log(2 * math.pi)
    return 0.5 * ops.mean(terms, axis=-1)


def error_loss(kind: str) -> Any:
    """Return the loss of means by their "squared" or "absolute" errors and of variances by their likelihood.

    It takes targets (n, t) and outputs (n, 2t) as `gaussian_loss` does and returns (n,). The likelihood
    leaves the means alone, so that they minimise the error and uncertainties say how large it is.
    """

    def loss(targets: Any, outputs: Any) -> Any:
        count = outputs.shape[-1] // 2
        means = outputs[:, :count]
        error = ops.cast(targets, outputs.dtype) - means
        size = ops.square(error) if kind == "squared" else ops.absolute(error)
        settled = ops.concatenate([ops.stop_gradient(means), outputs[:, count:]], axis=-1)
        return ops.mean(size, axis=-1) + gaussian_loss(targets, settled)

    return loss


def class_error(kind: str, *, shares: bool = False) -> Any:
    """Return the "squared" or "absolute" error of probabilities (n, k), mean over k.

    It takes classes (n, 1), or `shares` of them (n, k).
    """
    error = keras.losses.mean_squared_error if kind == "squared" else keras.losses.mean_absolute_error

    def loss(classes: Any, outputs: Any) -> Any:
        truth = classes if shares else one_hot(classes, outputs)
        return error(ops.cast(truth, outputs.dtype), outputs)

    return loss


def one_hot(classes: Any, outputs: Any) -> Any:
    """Return classes (n, 1) as shares (n, k), one for each of the `outputs` (n, k)."""
    return ops.one_hot(ops.cast(ops.reshape(classes, (-1,)), "int32"), outputs.shape[-1])


def loss_of(
    task: FittedTask,
    *,
    kind: str = "likelihood",
    smoothing: float = 0.0,
    gamma: float = 0.0,
    shares: bool = False,
) -> Any:
    """Return the loss of a task, as `Model.compile` takes it.

    Parameters
    ----------
    kind
        "likelihood", which is cross-entropy for classes, "squared" or "absolute".
    smoothing
        Share of a label that is spread evenly over the classes.
    gamma
        Exponent of the focal loss, 0 for cross-entropy.
    shares
        Whether labels are shares of the classes (n, outputs), as those of mixed cutouts.

    References
    ----------
    Szegedy et al. 2016, CVPR, 2818 (label smoothing); Lin et al. 2017, ICCV, 2999 (focal loss).
    """
    if kind != "likelihood":
        by_output = {"gaussian": error_loss(kind), "softmax": class_error(kind, shares=shares)}
        return by_output.get(task.output, f"mean_{kind}_error")
    if task.output == "gaussian":
        return gaussian_loss
    if task.output == "sigmoid":
        if gamma:
            return keras.losses.BinaryFocalCrossentropy(gamma=gamma, label_smoothing=smoothing)
        return (
            keras.losses.BinaryCrossentropy(label_smoothing=smoothing) if smoothing else "binary_crossentropy"
        )
    if not smoothing and not gamma and not shares:
        return "sparse_categorical_crossentropy"

    def loss(classes: Any, outputs: Any) -> Any:
        truth = classes if shares else one_hot(classes, outputs)
        if gamma:
            return keras.losses.categorical_focal_crossentropy(
                truth, outputs, alpha=1.0, gamma=gamma, label_smoothing=smoothing
            )
        return keras.losses.categorical_crossentropy(truth, outputs, label_smoothing=smoothing)

    return loss


def metrics_of(task: FittedTask) -> list[Any]:
    """Return the running figures of a task; the one called data_loss is the loss alone."""
    if task.output == "gaussian":
        return [
            keras.metrics.MeanMetricWrapper(gaussian_loss, name="data_loss"),
            TargetError(None, name="rmse"),
            *(TargetError(column, name=f"rmse_{name}") for column, name in enumerate(task.targets)),
        ]
    if task.output == "sigmoid":
        return [
            keras.metrics.BinaryCrossentropy(name="data_loss"),
            keras.metrics.BinaryAccuracy(name="accuracy"),
            keras.metrics.AUC(name="auc"),
            keras.metrics.Precision(name="purity"),
            keras.metrics.Recall(name="completeness"),
        ]
    columns = task.positive_columns()
    if task.kind == "binary":
        area: Any = PositiveArea(columns, name="auc")
    else:
        area = MacroArea(multi_label=True, num_labels=len(task.classes), name="auc")
    return [
        keras.metrics.SparseCategoricalCrossentropy(name="data_loss"),
        keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        area,
        PositivePurity(columns, name="purity"),
        PositiveCompleteness(columns, name="completeness"),
    ]


def largest_share(labels: Any) -> Any:
    """Return the class (n, 1) that has the largest of the shares (n, outputs), as metrics take it."""
    if labels.shape[-1] == 1:
        return ops.cast(labels >= 0.5, "float32")
    return ops.cast(ops.argmax(labels, axis=-1, keepdims=True), "float32")


def blank_batch(task: FittedTask, *, shares: bool = False) -> tuple[Any, Any]:
    """Return labels and outputs of one cutout, for the metrics to make their variables."""
    outputs = task.head.outputs
    labels = len(task.targets) if task.output == "gaussian" else outputs if shares else 1
    return ops.zeros((1, labels)), ops.full((1, outputs), 1.0 / outputs)


class TargetError(keras.metrics.RootMeanSquaredError):
    """Root of the mean squared error of one standardised target, or of all."""

    def __init__(self, column: int | None, *, name: str) -> None:
        super().__init__(name=name)
        self.column = column

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add a batch of targets (n, t) and outputs (n, 2t)."""
        means = y_pred[:, : y_pred.shape[-1] // 2]
        if self.column is not None:
            y_true, means = y_true[:, self.column], means[:, self.column]
        return super().update_state(y_true, means, sample_weight)


class MacroArea(keras.metrics.AUC):
    """Mean over the classes of the area under the ROC of each against the rest."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add a batch of classes (n, 1) and probabilities (n, k)."""
        truth = one_hot(y_true, y_pred)
        return super().update_state(truth, y_pred, sample_weight)


class _OfPositives:
    """Turns a metric of binary scores into one of the positive classes of a softmax."""

    def __init__(self, columns: list[int], **options: Any) -> None:
        super().__init__(**options)
        self.columns = columns

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add a batch of classes (n, 1) and probabilities (n, k)."""
        classes = ops.reshape(y_true, (-1,))
        truth = sum(ops.cast(ops.equal(classes, column), y_pred.dtype) for column in self.columns)
        score = sum(y_pred[:, column] for column in self.columns)
        score = ops.clip(score, 0.0, 1.0)
        return super().update_state(truth, score, sample_weight)  # type: ignore[misc]


class PositiveArea(_OfPositives, keras.metrics.AUC):
    """Area under the ROC of the positive classes."""


class PositivePurity(_OfPositives, keras.metrics.Precision):
    """Purity of the cutouts whose positive classes reach half of the probability."""

    def __init__(self, columns: list[int], *, name: str) -> None:
        super().__init__(columns, name=name, thresholds=DEFAULT_THRESHOLD)


class PositiveCompleteness(_OfPositives, keras.metrics.Recall):
    """Completeness of the positive classes at half of the probability."""

    def __init__(self, columns: list[int], *, name: str) -> None:
        super().__init__(columns, name=name, thresholds=DEFAULT_THRESHOLD)
