"""Feed a network with random batches of packed cutouts, prepared in the background.

Every batch follows from (seed, epoch, step) alone, so that an interrupted training goes on exactly where it
stopped, however many threads prepared the batches.
"""

import os
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from keras import ops
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.target_geometry import TargetGeometry, geometry_of, require_pixel_scale
from lensapp.core.train.tasks import BINARY_CLASSES, FittedTask
from lensapp.core.train.training_spec import AugmentationSpec
from lensapp.learning.feed.augmentation import (
    augment,
    augment_with_targets,
    draw_turns,
    on_device,
    turn_on_device,
)

Pixels = NDArray[np.float32]
Batch = tuple[Any, Any, Any]
"""Cutouts (n, height, width, bands), labels (n, 1) or standardised targets (n, t), and weights (n,)."""

ORDER, CHANGES, SAMPLE = 1, 2, 3  # purposes of random numbers, so that no two share a stream
BATCHES_AHEAD = 2
RESIDENT_BYTES = 8 * 2**30  # on a GPU
MEMORY_BYTES = 2 * 2**30  # in the memory of this process
READ_ROWS = 256


class Cutouts(Protocol):
    """What can be read by rows, such as `lensapp.storage.arrays.PackedCutouts`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, height, width, bands)."""

    def read(self, rows: NDArray[np.int64]) -> Pixels:
        """Return the cutouts at `rows`, NaN where masked."""


@dataclass(frozen=True, kw_only=True)
class LabelledCutouts:
    """One part of a dataset version.

    Attributes
    ----------
    cutouts
        Where the pixels are.
    rows, labels
        The rows of this part and their truth: 1 for a lens and 0 for a non-lens, places among `classes`, or
        values of `targets`, shape (n, t).
    bands, pixel_scale_arcsec
        Names of the bands in order; side of a pixel where it is known.
    classes, targets
        What the labels stand for; targets for values, else classes.
    cutout_ids
        Keys of the cutouts in the database, where they have some.
    """

    cutouts: Cutouts
    rows: NDArray[np.int64]
    labels: NDArray[Any]
    bands: tuple[str, ...]
    pixel_scale_arcsec: float | None = None
    classes: tuple[str, ...] = BINARY_CLASSES
    targets: tuple[str, ...] = ()
    cutout_ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if len(self.rows) == 0 or len(self.rows) != len(self.labels):
            raise InvalidInput(
                f"Expected one label for each of at least one cutout, received {len(self.rows)} cutouts and "
                f"{len(self.labels)} labels. Split a labelled source."
            )
        if self.targets:
            _require_values(self.labels, self.targets)
        elif not np.isin(self.labels, range(len(self.classes))).all():
            raise InvalidInput(
                f"Expected labels from 0 to {len(self.classes) - 1} ({', '.join(self.classes)}), received "
                "others. Leave unlabelled cutouts out."
            )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and number of bands."""
        height, width, bands = self.cutouts.shape[1:]
        return int(height), int(width), int(bands)

    def read(self, places: NDArray[np.int64]) -> Pixels:
        """Return the raw cutouts at these places of the part."""
        return self.cutouts.read(np.asarray(self.rows)[places])

    def sample(self, count: int, *, seed: int) -> Pixels:
        """Return at most `count` random raw cutouts."""
        rng = np.random.default_rng((SAMPLE, seed))
        places = rng.permutation(len(self))[:count]
        return self.read(np.sort(places))


def _require_values(values: NDArray[Any], targets: tuple[str, ...]) -> None:
    if values.shape[1:] != (len(targets),) or not np.isfinite(values).all():
        raise InvalidInput(
            f"Expected a finite value of {', '.join(targets)} for each cutout, received shape "
            f"{values.shape} or values that are not finite. Leave cutouts without all values out."
        )


def balanced_weights(labels: NDArray[Any], *, classes: int = 2) -> NDArray[np.float32]:
    """Return one weight per cutout that makes all classes count the same and the mean weight 1."""
    if classes > 2:
        counts = np.bincount(labels, minlength=classes)
        each = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return np.asarray(each[labels], np.float32)
    lenses = int(np.count_nonzero(labels))
    if lenses in (0, len(labels)):
        raise InvalidInput(
            f"Expected lenses and non-lenses to balance, received {lenses} lenses of {len(labels)} cutouts. "
            "Set class_weights to none or add the missing class."
        )
    weight = np.where(labels == 1, 0.5 / lenses, 0.5 / (len(labels) - lenses)) * len(labels)
    return weight.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Feed:
    """Random batches of one part, all of the same size.

    The last batch of an epoch is filled up from the epoch's first cutouts: a batch of another shape would
    make the backend compile the step again. Where `normalised` holds the whole part, batches come from it.
    """

    data: LabelledCutouts
    normalisation: FittedNormalisation
    augmentation: AugmentationSpec
    batch_size: int
    seed: int
    shuffle: bool = True
    balanced: bool = False
    threads: int = 0
    normalised: Pixels | None = None
    task: FittedTask = field(default_factory=FittedTask)
    weights: NDArray[np.float32] = field(init=False)
    geometry: TargetGeometry = field(init=False)

    def __post_init__(self) -> None:
        labels, count = np.asarray(self.data.labels), len(self.data.classes)
        balanced = self.balanced and not self.data.targets
        weights = balanced_weights(labels, classes=count) if balanced else np.ones(len(labels), np.float32)
        object.__setattr__(self, "weights", weights)
        geometry = geometry_of(self.data.targets, pixel_scale_arcsec=self.data.pixel_scale_arcsec)
        if self.augmentation.shift_pixels:
            require_pixel_scale(geometry)
        object.__setattr__(self, "geometry", geometry)

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        return -(-len(self.data) // self.batch_size)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the places of all cutouts of an epoch in their order, filled up to whole batches."""
        count = len(self.data)
        rng = np.random.default_rng((ORDER, self.seed, epoch))
        places = rng.permutation(count) if self.shuffle else np.arange(count)
        return np.resize(places, self.steps * self.batch_size)

    def prepare(self, places: NDArray[np.int64], epoch: int, step: int) -> Batch:
        """Read, normalise and change the cutouts of one batch."""
        rng = np.random.default_rng((CHANGES, self.seed, epoch, step))
        pixels, labels = self.normalised_at(places), self.labels_at(places)
        if self.data.targets:
            pixels, labels = augment_with_targets(
                pixels, labels, self.augmentation, rng, geometry=self.geometry
            )
            return pixels, self.task.standardised(labels), self.weights[places]
        return augment(pixels, self.augmentation, rng), labels, self.weights[places]

    def labels_at(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return labels (n, 1), or targets (n, t) in their own units, at these places of the part."""
        labels = np.asarray(self.data.labels)[places].astype(np.float32)
        return labels if self.data.targets else labels[:, None]

    def normalised_at(self, places: NDArray[np.int64]) -> Pixels:
        """Return the normalised cutouts at these places of the part."""
        if self.normalised is not None:
            return self.normalised[places]
        return self.normalisation.apply(self.data.read(places))

    def batches(self, epoch: int, *, first_step: int = 0) -> Generator[Batch, None, None]:
        """Yield the batches of an epoch from `first_step` on, a few prepared ahead in other threads."""
        order = self.order(epoch).reshape(self.steps, self.batch_size)
        jobs = ((order[step], epoch, step) for step in range(first_step, self.steps))
        yield from in_background(self, jobs, threads=self.threads or self._useful_threads())

    def _useful_threads(self) -> int:
        """One thread hides reading and turning; resampling is worth a few more."""
        return max(1, min(8, (os.cpu_count() or 2) // 2)) if self.augmentation.interpolates else 1


class Preparer(Protocol):
    """What can prepare a batch."""

    def prepare(self, places: NDArray[np.int64], epoch: int, step: int) -> Batch:
        """Return one batch."""


def in_background(
    feed: Preparer, jobs: Iterator[tuple[NDArray[np.int64], int, int]], *, threads: int
) -> Generator[Batch, None, None]:
    """Yield the batches of `jobs` in order while the next are prepared in `threads` threads."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="feed")
    waiting: deque[Future[Batch]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(feed.prepare, *job))
            if len(waiting) > max(BATCHES_AHEAD, threads):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, kw_only=True)
class ResidentFeed:
    """Random batches of a part that lies on the device as a whole and is turned there.

    It gives the same batches as the `Feed` it is made from.
    """

    feed: Feed
    pixels: Any

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        return self.feed.steps

    def batches(self, epoch: int, *, first_step: int = 0) -> Generator[Batch, None, None]:
        """Yield the batches of an epoch from `first_step` on."""
        feed, size = self.feed, self.feed.data.image_shape[:2]
        order = feed.order(epoch).reshape(feed.steps, feed.batch_size)
        for step in range(first_step, feed.steps):
            pixels, labels = ops.take(self.pixels, order[step], axis=0), feed.labels_at(order[step])
            if feed.augmentation.d4:
                rng = np.random.default_rng((CHANGES, feed.seed, epoch, step))
                codes = draw_turns(len(order[step]), size, rng)
                pixels = turn_on_device(pixels, ops.convert_to_tensor(codes))
                labels = feed.geometry.turned(labels, codes)
            if feed.data.targets:
                labels = feed.task.standardised(labels)
            yield pixels, labels, feed.weights[order[step]]


def keep_in_memory(feed: Feed, *, limit_bytes: int | None = None) -> Feed:
    """Normalise the whole part once when it fits into memory: three quarters of the work of each epoch.

    Without a limit that is 2 GiB or a quarter of the machine's memory, whichever is less.
    """
    if limit_bytes is None:
        limit_bytes = min(MEMORY_BYTES, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4)
    return feed if part_bytes(feed.data) > limit_bytes else replace(feed, normalised=normalise_part(feed))


def make_resident(feed: Feed, *, limit_bytes: int = RESIDENT_BYTES) -> Feed | ResidentFeed:
    """Move the whole part to the device when it fits and its augmentation can be done there."""
    square = feed.data.image_shape[0] == feed.data.image_shape[1]
    if part_bytes(feed.data) > limit_bytes or not on_device(feed.augmentation) or not square:
        return feed
    return ResidentFeed(feed=feed, pixels=ops.convert_to_tensor(normalise_part(feed)))


def part_bytes(data: LabelledCutouts) -> int:
    """Return the memory that all cutouts of a part take as float32."""
    return len(data) * int(np.prod(data.image_shape)) * 4


def normalise_part(feed: Feed) -> Pixels:
    """Return all normalised cutouts of a part in its order."""
    pixels = np.empty((len(feed.data), *feed.data.image_shape), np.float32)
    for start in range(0, len(pixels), READ_ROWS):
        places = np.arange(start, min(start + READ_ROWS, len(pixels)))
        pixels[places] = feed.normalised_at(places)
    return pixels
