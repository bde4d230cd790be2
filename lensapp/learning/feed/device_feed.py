"""Feed a GPU: the part lies on it, whole or window by window, and is changed in the compiled step.

A window is what the device needs for several steps: which cutouts, their labels and weights, and how each is
changed. It is drawn on the processor, so that a window holds the same batches as the `Feed` it is made from,
and prepared while the device works on the one before. Cutouts that do not fit on the device are kept as
float16 there; where these do not fit either, each window brings its own.
"""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.own_noise import noisier
from lensapp.learning.feed.augmentation import changed_labels, draw_changes
from lensapp.learning.feed.batches import (
    CHANGES,
    Batch,
    Feed,
    keep_in_memory,
    normalise_part,
)
from lensapp.learning.feed.device_changes import change_on_device, device_inputs, standard_normal
from lensapp.learning.feed.mixing import blend, mixed_labels

DEVICE_BYTES = 8 * 2**30  # where the device does not tell how much is free
RESIDENT_SHARE = 0.4  # of what is free; the network and its activations need the rest
WINDOW_STEPS = 32
WINDOW_BYTES = 512 * 2**20
WINDOWS_AHEAD = 2
CHANGED_ON_DEVICE = (
    "d4", "rotation_deg", "rotation_upsampling", "shift_pixels", "zoom_min", "zoom_max", "noise_sigma",
    "own_noise", "stretch_jitter", "fill", "whole_pixels", "mixup_alpha", "cutmix_alpha",
)  # fmt: skip


@dataclass(frozen=True)
class Window:
    """What the device needs for several steps.

    Attributes
    ----------
    steps
        How many.
    pixels : shape (n, y, x, band), or twice as many bands with their noise behind them
        Cutouts on the device, among which those of each step are.
    inputs
        Arrays by name, each with one row of one batch per step: indices among `pixels`, labels, weights, and
        what `lensapp.learning.feed.device_changes.change_on_device` takes.
    """

    steps: int
    pixels: Any
    inputs: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class DeviceFeed:
    """Random batches of a part for a device that changes them itself.

    Attributes
    ----------
    feed
        Whose batches they are.
    pixels
        All cutouts on the device; None where each window brings its own.
    window_steps
        Steps in a window.
    """

    feed: Feed
    pixels: Any
    window_steps: int

    @property
    def copies(self) -> int:
        """Images in a batch for each of its cutouts."""
        return self.feed.copies

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        return self.feed.steps

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return which cutouts each step of an epoch takes, shape (steps, batch)."""
        return self.feed.order(epoch).reshape(-1, self.feed.batch_size)

    def window(self, epoch: int, first_step: int, order_of_epoch: NDArray[np.int64]) -> Window:
        """Return the window of an epoch, whose `order` is given, that begins with a step."""
        feed = self.feed
        order = order_of_epoch[first_step : first_step + self.window_steps]
        steps = len(order)
        rows = [self.step_inputs(order[k], epoch, first_step + k) for k in range(steps)]
        inputs = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        pixels = self.pixels
        if pixels is None:
            members, places = np.unique(order, return_inverse=True)
            inputs["indices"] = places.reshape(order.shape).astype(np.int32)
            # Always as many, or the step would be compiled again for each window.
            block = np.zeros((self.window_steps * feed.batch_size, *feed.kept_shape), np.float16)
            block[: len(members)] = feed.normalised_at(members)
            pixels = ops.convert_to_tensor(block)
        return Window(steps, pixels, inputs)

    def step_inputs(self, indices: Any, epoch: int, step: int) -> dict[str, Any]:
        """Return the inputs of one step, without the axis of steps."""
        feed, size = self.feed, self.feed.data.image_shape[:2]
        rng = np.random.default_rng((CHANGES, feed.seed, epoch, step))
        changes = draw_changes(len(indices), size, feed.augmentation, rng)
        labels = changed_labels(feed.labels_at(indices), changes, feed.geometry)
        inputs = device_inputs(changes, size, rng.integers(2**32, size=2, dtype=np.uint32))
        inputs |= {"indices": indices.astype(np.int32)}
        if feed.augmentation.own_noise:
            inputs["own_seed"] = rng.spawn(1)[0].integers(2**32, size=2, dtype=np.uint32)
        labels, weights = feed.as_fed(labels), feed.weights[indices]
        if feed.augmentation.mixes:
            mixture = feed.mixture(len(indices), epoch, step)
            # Of one shape in all steps, as batches of cutmix and of mixup may alternate.
            shape = (*size, 1) if feed.augmentation.cutmix_alpha else (1, 1, 1)
            own = np.broadcast_to(mixture.own, (len(indices), *shape))
            inputs |= {"partners": mixture.partners.astype(np.int32), "own": own}
            labels, weights = mixed_labels(labels, weights, mixture, outputs=feed.task.head.outputs)
        return inputs | {"labels": labels, "weights": weights}

    def batch(self, pixels: Any, inputs: dict[str, Any]) -> Batch:
        """Return the changed batch of one step, from the cutouts and inputs of its window, on the device."""
        chosen = ops.cast(ops.take(pixels, inputs["indices"], axis=0), "float32")
        feed = self.feed
        if "own_seed" in inputs:
            chosen, levels = ops.split(chosen, 2, axis=3)
            deviates = standard_normal(ops.shape(chosen), inputs["own_seed"])
            chosen = noisier(
                chosen, levels, deviates, feed.normalisation, times=feed.augmentation.own_noise, arrays=ops
            )
        changed = change_on_device(chosen, inputs, feed.augmentation)
        if "partners" in inputs:
            changed = blend(changed, ops.take(changed, inputs["partners"], axis=0), inputs["own"])
        return changed, inputs["labels"], inputs["weights"]

    def windows(self, epoch: int, *, first_step: int = 0) -> Generator[Window, None, None]:
        """Yield the windows of an epoch from `first_step` on, some prepared ahead in another thread."""
        waiting: deque[Future[Window]] = deque()
        pool = ThreadPoolExecutor(1, thread_name_prefix="windows")
        try:
            order = self.order(epoch)
            for step in range(first_step, len(order), self.window_steps):
                waiting.append(pool.submit(self.window, epoch, step, order))
                if len(waiting) > WINDOWS_AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def batches(self, epoch: int, *, first_step: int = 0) -> Generator[Batch, None, None]:
        """Yield the batches of an epoch one by one, for backends that take no windows."""
        for window in self.windows(epoch, first_step=first_step):
            for step in range(window.steps):
                inputs = {name: ops.convert_to_tensor(rows[step]) for name, rows in window.inputs.items()}
                yield self.batch(window.pixels, inputs)


def keep_near(feed: Feed, *, device: str) -> Feed | DeviceFeed:
    """Keep the whole part on a GPU, or else in memory, where it fits there.

    `device` is a name such as "gpu:0" or "2 × cpu".
    """
    if "cpu" in device or not changed_on_device(feed.augmentation):
        return keep_in_memory(feed)
    return feed_device(feed, limit_bytes=int(RESIDENT_SHARE * free_bytes()))


def changed_on_device(spec: AugmentationSpec) -> bool:
    """Whether the device can make all these changes itself."""
    others = [
        name
        for name, value in AugmentationSpec().model_dump().items()
        if name not in CHANGED_ON_DEVICE and getattr(spec, name) != value
    ]
    return not others and (not spec.interpolates or spec.rotation_upsampling == 1)


def feed_device(feed: Feed, *, limit_bytes: int) -> DeviceFeed:
    """Move a part to the device, as float32, or as float16, or window by window, as `limit_bytes` allows."""
    needed = feed.kept_bytes
    steps = min(WINDOW_STEPS, feed.steps)
    if needed // 2 > limit_bytes:
        one = feed.batch_size * needed // (2 * len(feed.data))
        steps = max(1, min(steps, min(WINDOW_BYTES, limit_bytes // (WINDOWS_AHEAD + 2)) // one))
        return DeviceFeed(feed=keep_in_memory(feed), pixels=None, window_steps=steps)
    pixels = normalise_part(feed)
    stored = pixels if needed <= limit_bytes else pixels.astype(np.float16)
    return DeviceFeed(feed=feed, pixels=replicated(stored), window_steps=steps)


def replicated(values: Any) -> Any:
    """Return an array on the device, or on each of those that share the batches."""
    distribution = keras.distribution.distribution() if keras.backend.backend() == "jax" else None
    if distribution is None:
        return ops.convert_to_tensor(values)
    layout = keras.distribution.TensorLayout([None] * values.ndim, distribution.device_mesh)
    return keras.distribution.distribute_tensor(values, layout)


def free_bytes() -> int:
    """Return the memory that is free on the first GPU, where it tells."""
    if keras.backend.backend() == "jax":
        import jax

        told = jax.devices()[0].memory_stats() or {}
        if "bytes_limit" in told:
            return int(told["bytes_limit"] - told.get("bytes_in_use", 0))
    return DEVICE_BYTES
