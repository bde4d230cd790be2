"""Batches with cutouts whose labels are not looked at: pairs of copies, or some beside labelled ones."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.learning.feed.batches import Batch, Feed, prepared_ahead, useful_threads

PAIRS, STRONG = 5, 6  # purposes of random numbers, beside those of `batches`


@dataclass(frozen=True, kw_only=True)
class PairFeed(Feed):
    """Two changed copies of each cutout, one after the other; their labels and weights say nothing."""

    @property
    def copies(self) -> int:
        """Images in a batch for each of the `batch_size` cutouts."""
        return 2

    def prepare(self, indices: NDArray[np.int64], epoch: int, step: int) -> Batch:
        """Read and normalise the cutouts of one batch, and change each of them in two ways."""
        rng = np.random.default_rng((PAIRS, self.seed, epoch, step))
        pixels, labels = self.changed(np.repeat(indices, 2), self.augmentation, rng)
        return pixels, labels, np.ones(len(pixels), np.float32)


@dataclass(frozen=True, kw_only=True)
class FixMatchFeed:
    """Labelled cutouts, each followed by unlabelled ones and then by changed copies of these.

    Attributes
    ----------
    labelled, unlabelled
        Whose batches they are; those of the second are larger by the number of unlabelled cutouts for each
        labelled one.
    strong
        How the copies are changed.
    """

    labelled: Feed
    unlabelled: Feed
    strong: AugmentationSpec

    @property
    def ratio(self) -> int:
        """Unlabelled cutouts for each labelled one."""
        return self.unlabelled.batch_size // self.labelled.batch_size

    @property
    def copies(self) -> int:
        """Images in a batch for each of its labelled cutouts."""
        return 1 + 2 * self.ratio

    @property
    def steps(self) -> int:
        """Batches in an epoch, which shows every cutout at least once."""
        return max(self.labelled.steps, self.unlabelled.steps)

    def prepare(self, rows: NDArray[np.int64], others: NDArray[np.int64], epoch: int, step: int) -> Batch:
        """Read, normalise and change the labelled and the unlabelled cutouts of one batch."""
        pixels, labels, weights = self.labelled.prepare(rows, epoch, step)
        seen, _, _ = self.unlabelled.prepare(others, epoch, step)
        rng = np.random.default_rng((STRONG, self.unlabelled.seed, epoch, step))
        copies, _ = self.unlabelled.changed(others, self.strong, rng)
        grouped = (len(rows), self.ratio, *pixels.shape[1:])
        together = np.concatenate(
            [pixels[:, None], seen.reshape(grouped), copies.reshape(grouped)], axis=1
        ).reshape(-1, *pixels.shape[1:])
        return together, np.repeat(labels, self.copies, axis=0), np.repeat(weights, self.copies)

    def batches(self, epoch: int, *, first_step: int = 0) -> Generator[Batch, None, None]:
        """Yield the batches of an epoch from `first_step` on, a few prepared ahead in other threads."""
        labelled, unlabelled = (
            endless_orders(feed, first=(epoch - 1) * self.steps + first_step)
            for feed in (self.labelled, self.unlabelled)
        )
        tasks = (
            partial(self.prepare, next(labelled), next(unlabelled), epoch, step)
            for step in range(first_step, self.steps)
        )
        return prepared_ahead(tasks, threads=self.labelled.threads or useful_threads(self.strong))


def endless_orders(feed: Feed, *, first: int) -> Iterator[NDArray[np.int64]]:
    """Yield the indices of one batch of `feed` after another, from number `first` on, round after round."""
    first_round, step = divmod(first, feed.steps)
    round_number = first_round + 1
    while True:
        yield from feed.order(round_number).reshape(feed.steps, feed.batch_size)[step:]
        round_number, step = round_number + 1, 0
