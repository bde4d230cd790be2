"""Learn from few labels and many cutouts: what the network is sure of has to hold for a changed copy.

References
----------
Sohn et al. 2020, NeurIPS, arXiv:2001.07685 (FixMatch); Berthelot et al. 2020, ICLR, arXiv:1911.09785
(distribution alignment).
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from lensapp.core.train.unlabelled_spec import FixMatchSpec
from lensapp.learning.train.trainer import Trainer

TINY = 1e-7
Numbers = NDArray[np.floating[Any]]


def class_probabilities(outputs: Any) -> Any:
    """Return outputs (n, 1) of a sigmoid as probabilities of both classes (n, 2), others as they are."""
    outputs = ops.cast(outputs, "float32")
    return ops.concatenate([1.0 - outputs, outputs], axis=-1) if outputs.shape[-1] == 1 else outputs


def aligned(probabilities: Any, *, shares: Any, usual: Any) -> Any:
    """Return probabilities (n, k) as if the classes, `usual`ly answered otherwise, had their `shares`."""
    scaled = probabilities * (shares / ops.maximum(usual, TINY))
    return scaled / ops.maximum(ops.sum(scaled, axis=-1, keepdims=True), TINY)


def wanted_shares(spec: FixMatchSpec, shares: Numbers, positive: list[int]) -> Numbers:
    """Return the shares (k,) that the classes should have among the answers, from those among the labels."""
    if not isinstance(spec.align, float):
        return shares
    lenses = np.isin(np.arange(len(shares)), positive)
    wanted = np.where(lenses, spec.align, 1.0 - spec.align)
    return np.asarray(wanted * shares / np.where(lenses, shares[lenses].sum(), shares[~lenses].sum()))


def masked_cross_entropy(answers: Any, copies: Any, *, threshold: float) -> tuple[Any, Any]:
    """Return the cross-entropy of copies with what was answered, 0 where not sure, and who was sure (n,).

    Parameters
    ----------
    answers, copies : shape (n, k)
        Probabilities of the classes for cutouts and for their changed copies.
    threshold
        Probability from which an answer counts.
    """
    sure = ops.cast(ops.max(answers, axis=-1) >= threshold, "float32")
    answer = ops.one_hot(ops.argmax(answers, axis=-1), answers.shape[-1], dtype="float32")
    of_answer = ops.sum(answer * copies, axis=-1)
    return -sure * ops.log(ops.clip(of_answer, TINY, 1.0)), sure


class MeanAnswer(keras.metrics.Metric):
    """Mean probabilities of the classes over the unlabelled cutouts of an epoch; shows that of lenses."""

    def __init__(self, classes: int, positive: list[int], *, name: str) -> None:
        super().__init__(name=name)
        self.positive = positive
        self.total = self.add_variable((classes,), initializer="zeros", name="total")
        self.count = self.add_variable((), initializer="zeros", name="count")

    def with_batch(self, answers: Any) -> Any:
        """Return the mean (k,) with the answers (n, k) of a batch that is not counted yet."""
        number = ops.cast(ops.shape(answers)[0], "float32")
        return (self.total + ops.sum(answers, axis=0)) / (self.count + number)

    def update_state(self, answers: Any) -> None:
        """Count a batch of answers (n, k)."""
        self.total.assign(self.total + ops.sum(answers, axis=0))
        self.count.assign(self.count + ops.cast(ops.shape(answers)[0], "float32"))

    def result(self) -> Any:
        """Return the mean probability of the positive classes."""
        positive = sum(self.total[column] for column in self.positive)
        return positive / ops.maximum(self.count, 1.0)


class FixMatchTrainer(Trainer):
    """A trainer whose batches hold, after each labelled cutout, unlabelled ones and their changed copies."""

    def prepare(self, spec: FixMatchSpec, *, shares: Numbers, positive: list[int]) -> None:
        """Take settings and the shares (k,) of the classes among the labels; make the running figures."""
        self.fixmatch = spec
        self.shares = wanted_shares(spec, shares, positive).astype(np.float32)
        self.sure = keras.metrics.Mean(name="sure")
        self.unlabelled_loss = keras.metrics.Mean(name="unlabelled_loss")
        self.answers = MeanAnswer(len(shares), positive, name="answered_lens")

    def parts(self, outputs: Any) -> tuple[Any, Any, Any]:
        """Return the outputs of labelled cutouts, and the probabilities of unlabelled ones and of copies."""
        ratio = self.fixmatch.ratio
        groups = ops.reshape(outputs, (-1, 1 + 2 * ratio, outputs.shape[-1]))

        def flat(part: Any) -> Any:
            return class_probabilities(ops.reshape(part, (-1, outputs.shape[-1])))

        return groups[:, 0], flat(groups[:, 1 : 1 + ratio]), flat(groups[:, 1 + ratio :])

    def of_unlabelled(self, outputs: Any) -> tuple[Any, Any, Any]:
        """Return the loss of every unlabelled cutout, which were sure, and what was answered, unaligned."""
        _, answers, copies = self.parts(outputs)
        answers = ops.stop_gradient(answers)
        heeded = answers
        if self.fixmatch.align is not None:
            heeded = aligned(answers, shares=self.shares, usual=self.answers.with_batch(answers))
        losses, sure = masked_cross_entropy(heeded, copies, threshold=self.fixmatch.threshold)
        return losses, sure, answers

    def labelled(self, values: Any) -> Any:
        """Return the rows of the labelled cutouts of a batch."""
        return None if values is None else values[:: 1 + 2 * self.fixmatch.ratio]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        **options: Any,
    ) -> Any:
        """Return the loss of the labelled cutouts and, by its weight, that of the unlabelled ones."""
        of_labels = super().compute_loss(
            x,
            self.labelled(y),
            self.labelled(y_pred),
            sample_weight=self.labelled(sample_weight),
            **options,
        )
        losses, _, _ = self.of_unlabelled(y_pred)
        return of_labels + self.fixmatch.weight * ops.cast(ops.mean(losses), of_labels.dtype)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add a batch to the figures: the labelled cutouts to those of the task, the others to their own."""
        losses, sure, answers = self.of_unlabelled(y_pred)
        self.unlabelled_loss.update_state(losses)
        self.sure.update_state(sure)
        self.answers.update_state(answers)
        rows = (self.labelled(y), self.labelled(y_pred), self.labelled(sample_weight))
        return super().compute_metrics(x, *rows)
