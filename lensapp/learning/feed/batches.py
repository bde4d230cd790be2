"""Feed a network with random batches of packed cutouts, prepared in the background.

Every batch follows from (seed, epoch, step) alone, so that an interrupted training goes on exactly where it
stopped, however many threads prepared the batches.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.processors import memory_bytes, processors
from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.normalisation import FittedNormalisation, NetworkUnit
from lensapp.core.train.own_noise import noisier, sky_sigma
from lensapp.core.train.target_geometry import TargetGeometry, geometry_of, require_pixel_scale
from lensapp.core.train.tasks import BINARY_CLASSES, FittedTask
from lensapp.learning.feed.augmentation import augment
from lensapp.learning.feed.flux_changes import change_fluxes
from lensapp.learning.feed.mixing import Mixture, blend, draw_mixture, mixed_labels
from lensapp.learning.feed.sampling import repeated_indices, shown_counts

Pixels = NDArray[np.float32]
Batch = tuple[Any, Any, Any]
"""Cutouts (n, height, width, bands), labels (n, 1) or standardised targets (n, t), and weights (n,)."""

ORDER, CHANGES, SAMPLE, MIXING = 1, 2, 3, 4  # purposes of random numbers, so that no two share a stream
BATCHES_AHEAD = 2
MEMORY_BYTES = 2 * 2**30  # in the memory of this process
READ_ROWS = 256


class Cutouts(Protocol):
    """What can be read by rows, such as `lensapp.storage.arrays.PackedCutouts`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, height, width, bands)."""

    def read(self, rows: NDArray[np.int64]) -> Pixels:
        """Return the cutouts at `rows`, NaN where masked."""


@runtime_checkable
class NoisyCutouts(Cutouts, Protocol):
    """Cutouts beside which noise is kept, as `lensapp.learning.feed.dataset_parts.JoinedCutouts`."""

    def read_noise(self, rows: NDArray[np.int64]) -> Pixels:
        """Return the noise of the pixels at `rows`, shape (n, height, width, bands)."""


@dataclass(frozen=True, kw_only=True)
class LabelledCutouts:
    """One part of a dataset version.

    Attributes
    ----------
    cutouts
        Where the pixels are.
    rows, labels
        The rows of this part and their truth: 1 for a lens and 0 for a non-lens, indices of `classes`, or
        values of `targets`, shape (n, t).
    bands, pixel_scale_arcsec
        Names of the bands in order; side of a pixel where it is known.
    classes, targets
        What the labels stand for; targets for values, else classes.
    cutout_ids
        Keys of the cutouts in the database, where they have some.
    group_ids
        Equal for cutouts of one sky object or parent, which are not independent; None where unknown.
    unit
        Unit of flux in which the pixels are read; None: as they are.
    """

    cutouts: Cutouts
    rows: NDArray[np.int64]
    labels: NDArray[Any]
    bands: tuple[str, ...]
    pixel_scale_arcsec: float | None = None
    classes: tuple[str, ...] = BINARY_CLASSES
    targets: tuple[str, ...] = ()
    cutout_ids: NDArray[np.int64] | None = None
    group_ids: NDArray[np.int64] | None = None
    unit: NetworkUnit | None = None

    def __post_init__(self) -> None:
        if len(self.rows) == 0 or len(self.rows) != len(self.labels):
            raise InvalidInput(
                f"A part takes one label for each of at least one cutout, and has {len(self.rows)} cutouts "
                f"and {len(self.labels)} labels. Split a labelled source."
            )
        shape = self.labels.shape[1:]
        if self.targets and (shape != (len(self.targets),) or not np.isfinite(self.labels).all()):
            raise InvalidInput(
                f"Some cutouts have no finite value of each of {', '.join(self.targets)} (their values have "
                f"the shape {self.labels.shape}). Leave them out."
            )
        if not self.targets and not np.isin(self.labels, range(len(self.classes))).all():
            raise InvalidInput(
                f"Labels count from 0 to {len(self.classes) - 1} ({', '.join(self.classes)}), and some are "
                "others. Leave unlabelled cutouts out."
            )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and number of bands."""
        height, width, bands = self.cutouts.shape[1:]
        return int(height), int(width), int(bands)

    def read(self, indices: NDArray[np.int64]) -> Pixels:
        """Return the raw cutouts at these indices of the part."""
        return self.cutouts.read(np.asarray(self.rows)[indices])

    def noise_of(self, pixels: Pixels, indices: NDArray[np.int64]) -> Pixels:
        """Return the noise of raw cutouts, those at these indices: of each pixel, or else of the sky.

        Standard deviations, shape (n, height, width, bands) or (n, 1, 1, bands).
        """
        if isinstance(self.cutouts, NoisyCutouts):
            return self.cutouts.read_noise(np.asarray(self.rows)[indices])
        return sky_sigma(pixels)[:, None, None, :]

    def sample(self, count: int, *, seed: int) -> Pixels:
        """Return at most `count` random raw cutouts."""
        rng = np.random.default_rng((SAMPLE, seed))
        return self.read(np.sort(rng.permutation(len(self))[:count]))


def balanced_weights(labels: NDArray[Any], *, classes: int = 2) -> NDArray[np.float32]:
    """Return one weight per cutout that makes all classes count the same and the mean weight 1."""
    if classes > 2:
        counts = np.bincount(labels, minlength=classes)
        each = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return np.asarray(each[labels], np.float32)
    lenses = int(np.count_nonzero(labels))
    if lenses in (0, len(labels)):
        raise InvalidInput(
            f"Balanced class weights need lenses and non-lenses, and {lenses} of {len(labels)} cutouts are "
            "lenses. Set class_weights to none, or add the missing class."
        )
    weight = np.where(labels == 1, 0.5 / lenses, 0.5 / (len(labels) - lenses)) * len(labels)
    return weight.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Feed:
    """Random batches of one part, all of the same size.

    The last batch of an epoch is filled up from the epoch's first cutouts: a batch of another shape would
    make the backend compile the step again. Where `normalised` holds the whole part, batches come from it;
    where the augmentation adds a cutout's own noise, the noise of each band follows the bands there.
    With `oversampling` cutouts of rare classes are shown until each class has this share of the number of the
    most frequent one.
    """

    data: LabelledCutouts
    normalisation: FittedNormalisation
    augmentation: AugmentationSpec
    batch_size: int
    seed: int
    shuffle: bool = True
    balanced: bool = False
    oversampling: float | None = None
    threads: int = 0
    normalised: Pixels | None = None
    task: FittedTask = field(default_factory=FittedTask)
    weights: NDArray[np.float32] = field(init=False)
    geometry: TargetGeometry = field(init=False)

    def __post_init__(self) -> None:
        labels, count = np.asarray(self.data.labels), len(self.data.classes)
        balanced = self.balanced and not self.data.targets
        weights = np.ones(len(labels), np.float32)
        if balanced:  # by how often cutouts of each class are shown
            again = repeated_indices(labels, self.oversampling or 0.0, np.random.default_rng(self.seed))
            shown = np.concatenate([labels, labels[again]])
            weights = balanced_weights(shown, classes=count)[: len(labels)]
        object.__setattr__(self, "weights", weights)
        geometry = geometry_of(self.data.targets, pixel_scale_arcsec=self.data.pixel_scale_arcsec)
        if self.augmentation.shift_pixels:
            require_pixel_scale(geometry)
        object.__setattr__(self, "geometry", geometry)

    @property
    def copies(self) -> int:
        """Images in a batch for each of the `batch_size` cutouts."""
        return 1

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        shown = len(self.data)
        if self.oversampling:
            shown = int(shown_counts(np.bincount(np.asarray(self.data.labels)), self.oversampling).sum())
        return -(-shown // self.batch_size)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the indices of all cutouts of an epoch in their order, filled up to whole batches."""
        indices = np.arange(len(self.data))
        rng = np.random.default_rng((ORDER, self.seed, epoch))
        if self.oversampling:
            again = repeated_indices(np.asarray(self.data.labels), self.oversampling, rng)
            indices = np.concatenate([indices, again])
        if self.shuffle:
            indices = rng.permutation(indices)
        return np.resize(indices, self.steps * self.batch_size)

    def prepare(self, indices: NDArray[np.int64], epoch: int, step: int) -> Batch:
        """Read, normalise and change the cutouts of one batch."""
        rng = np.random.default_rng((CHANGES, self.seed, epoch, step))
        pixels, labels = self.changed(indices, self.augmentation, rng)
        labels, weights = self.as_fed(labels), self.weights[indices]
        if self.augmentation.mixes:
            mixture = self.mixture(len(indices), epoch, step)
            pixels = blend(pixels, pixels[mixture.partners], mixture.own)
            labels, weights = mixed_labels(labels, weights, mixture, outputs=self.task.head.outputs)
        return pixels, labels, weights

    def changed(
        self, indices: NDArray[np.int64], spec: AugmentationSpec, rng: np.random.Generator
    ) -> tuple[Pixels, NDArray[np.float32]]:
        """Return normalised cutouts and their labels, changed as `spec` says."""
        if spec.changes_fluxes:
            raw = self.data.read(indices)
            fluxes = change_fluxes(raw, spec, rng, sky=self.normalisation.centre)
            pixels = self.with_noise(fluxes, indices, raw=raw)
        else:
            pixels = self.normalised_at(indices)
        if self.augmentation.own_noise:
            pixels, levels = np.split(pixels, 2, axis=3)
            if spec.own_noise:
                # From a stream of its own: all other changes are those of a cutout without this noise.
                deviates = rng.spawn(1)[0].standard_normal(pixels.shape, np.float32)
                pixels = noisier(
                    pixels, levels, deviates, self.normalisation, times=spec.own_noise, arrays=np
                )
        return augment(pixels, self.labels_at(indices), spec, rng, geometry=self.geometry)

    def mixture(self, count: int, epoch: int, step: int) -> Mixture:
        """Return how the cutouts of a batch are mixed with one another."""
        rng = np.random.default_rng((MIXING, self.seed, epoch, step))
        return draw_mixture(count, self.data.image_shape[:2], self.augmentation, rng)

    def labels_at(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return labels (n, 1), or targets (n, t) in their own units, at these indices of the part."""
        labels = np.asarray(self.data.labels)[indices].astype(np.float32)
        return labels if self.data.targets else labels[:, None]

    def as_fed(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return targets standardised, and classes as they are."""
        return self.task.standardised(labels) if self.data.targets else labels

    @property
    def kept_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of what is normalised: bands, and their noise where it is asked for."""
        height, width, bands = self.data.image_shape
        return height, width, 2 * bands if self.augmentation.own_noise else bands

    @property
    def kept_bytes(self) -> int:
        """Memory that the whole part takes as float32."""
        return len(self.data) * int(np.prod(self.kept_shape)) * 4

    def normalised_at(self, indices: NDArray[np.int64]) -> Pixels:
        """Return the normalised cutouts at these indices of the part, shape (n, *kept_shape)."""
        if self.normalised is not None:
            return self.normalised[indices]
        raw = self.data.read(indices)
        return self.with_noise(raw, indices, raw=raw)

    def with_noise(self, fluxes: Pixels, indices: NDArray[np.int64], *, raw: Pixels) -> Pixels:
        """Normalise changed cutouts; behind their bands goes the noise of the `raw` ones where asked for."""
        pixels = self.normalisation.apply(fluxes)
        if not self.augmentation.own_noise:
            return pixels
        levels = self.data.noise_of(raw, indices) / self.normalisation.flux_of_one(fluxes)
        return np.concatenate([pixels, np.where(np.isfinite(fluxes), levels, np.float32(0.0))], axis=3)

    def batches(self, epoch: int, *, first_step: int = 0) -> Generator[Batch, None, None]:
        """Yield the batches of an epoch from `first_step` on, a few prepared ahead in other threads."""
        order = self.order(epoch).reshape(self.steps, self.batch_size)
        tasks = (partial(self.prepare, order[step], epoch, step) for step in range(first_step, self.steps))
        return prepared_ahead(tasks, threads=self.threads or useful_threads(self.augmentation))


def useful_threads(spec: AugmentationSpec) -> int:
    """Return how many threads are worth preparing batches in: one hides reading and reorienting."""
    return max(1, min(8, processors() // 2)) if spec.interpolates or spec.blur_pixels else 1


def prepared_ahead(tasks: Iterable[Callable[[], Batch]], *, threads: int) -> Generator[Batch, None, None]:
    """Yield what the tasks return, in their order, a few done ahead in other threads."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="feed")
    waiting: deque[Future[Batch]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(task))
            if len(waiting) > max(BATCHES_AHEAD, threads):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def keep_in_memory(feed: Feed, *, limit_bytes: int | None = None) -> Feed:
    """Normalise the whole part once when it fits into memory: three quarters of the work of each epoch.

    Without a limit that is 2 GiB or a quarter of the machine's memory, whichever is less.
    """
    if limit_bytes is None:
        limit_bytes = min(MEMORY_BYTES, memory_bytes() // 4)
    if feed.augmentation.changes_fluxes or feed.kept_bytes > limit_bytes:
        return feed
    return replace(feed, normalised=normalise_part(feed))


def normalise_part(feed: Feed) -> Pixels:
    """Return all normalised cutouts of a part in its order."""
    pixels = np.empty((len(feed.data), *feed.kept_shape), np.float32)
    for start in range(0, len(pixels), READ_ROWS):
        indices = np.arange(start, min(start + READ_ROWS, len(pixels)))
        pixels[indices] = feed.normalised_at(indices)
    return pixels
