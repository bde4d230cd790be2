"""The feed and the steps of a GPU, run on the processor beside those of the processor, on any backend.

Run as a program it prints what `compare_all` returns as JSON.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.network_specs import network_options
from lensapp.core.train.normalisation import fit_normalisation
from lensapp.core.train.own_noise import sky_sigma
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.batches import Feed, LabelledCutouts
from lensapp.learning.feed.device_feed import DeviceFeed, feed_device
from lensapp.learning.train.make_trainer import make_trainer
from lensapp.learning.train.trainer import Trainer
from lensapp.learning.train.windows import window_taker
from models.registry import build
from support.device.endings import compare_endings
from support.tiny_trainings import TINY, part_of

EVERYTHING = {
    "rotation_deg": 40,
    "shift_pixels": 1.5,
    "zoom_min": 0.8,
    "zoom_max": 1.3,
    "stretch_jitter": 1.0,
}
OTHERS = {"whole pixels": {"shift_pixels": 2.0, "whole_pixels": True}, "mixup": {"mixup_alpha": 0.4}}
FAINT = {"own_noise": 1e-6}
"""Noise too faint to be seen, with which all else has to be as without it."""
STORED = {"float32": 10**9, "float16": 36 * 8 * 8 * 2 * 3, "streamed": 3000}
"""Bytes that lead to each way of keeping the 36 cutouts of `part_of(36)` on the device."""


def feed_with(augmentation: dict[str, Any], part: LabelledCutouts | None = None) -> Feed:
    part = part or part_of(36, seed=1)
    spec = TrainingSpec()
    fitted = fit_normalisation(part.sample(36, seed=0), spec.normalisation, bands=part.bands)
    return Feed(
        data=part,
        normalisation=fitted,
        augmentation=AugmentationSpec(**augmentation),
        batch_size=8,
        seed=5,
        balanced=True,
    )


def largest_differences(feed: Feed, device: DeviceFeed) -> list[float]:
    """Of pixels, labels and weights of an epoch that is resumed at its second step."""
    pairs = zip(feed.batches(3, first_step=1), device.batches(3, first_step=1), strict=True)
    each = [
        [np.abs(np.asarray(a) - np.asarray(b)).max() for a, b in zip(mine, other, strict=True)]
        for mine, other in pairs
    ]
    return [float(value) for value in np.max(each, axis=0)]


def compare_feeds() -> dict[str, list[float]]:
    differences = {}
    for fill in ("zero", "reflect", "wrap"):
        feed = feed_with(EVERYTHING | {"fill": fill})
        differences[f"{fill}, float32"] = largest_differences(feed, feed_device(feed, limit_bytes=10**9))
    for name, changes in OTHERS.items():
        feed = feed_with(changes)
        differences[f"{name}, float32"] = largest_differences(feed, feed_device(feed, limit_bytes=10**9))
    for stored, limit in STORED.items():
        feed = feed_with({})
        differences[f"turns, {stored}"] = largest_differences(feed, feed_device(feed, limit_bytes=limit))
        with_noise, twice = feed_with(EVERYTHING | FAINT), 2 * limit if stored == "float16" else limit
        differences[f"own noise, {stored}"] = largest_differences(
            feed_with(EVERYTHING), feed_device(with_noise, limit_bytes=twice)
        )
    return differences


def new_trainer() -> Trainer:
    keras.utils.set_random_seed(3)
    spec = TrainingSpec.parse({"network_options": TINY, "batch_size": 8, "weight_average": 0.9})
    network = build("elu_cnn", input_shape=(8, 8, 2), spec=network_options("elu_cnn", TINY))
    return make_trainer(network, spec)


def compare_steps() -> dict[str, float]:
    """Train two epochs one step at a time, and in windows of three; compare weights and figures.

    The windows add noise too faint to be seen, for which the device undoes the stretch and does it again.
    """
    feed = feed_with(EVERYTHING)
    singly, together = new_trainer(), new_trainer()
    noisy = feed_with(EVERYTHING | FAINT)
    device = replace(feed_device(noisy, limit_bytes=10**9), window_steps=3)
    take = window_taker(together, device)
    for epoch in (1, 2):
        singly.begin_epoch()
        together.begin_epoch()
        for pixels, labels, weights in feed.batches(epoch):
            singly.train_on_batch(pixels, labels, sample_weight=weights)
        losses = [float(take(window)) for window in device.windows(epoch)]
    mine, theirs = singly.running_figures(), together.running_figures()
    weights = [
        np.abs(np.asarray(a) - np.asarray(b)).max()
        for a, b in zip(singly.get_weights(), together.get_weights(), strict=True)
    ]
    start = new_trainer().get_weights()
    moved = [np.abs(a - b).max() for a, b in zip(start, singly.get_weights(), strict=True)]
    return {
        "weights": float(np.max(weights)),
        "moved": float(np.max(moved)),
        "loss": abs(float(mine["loss"]) - float(theirs["loss"])),
        "objective": abs(losses[-1] - float(theirs["objective"])),
        "steps": abs(int(singly.optimizer.iterations) - int(together.optimizer.iterations)),
        "windows": float(len(losses)),
    }


def noise() -> list[float]:
    """Mean, scatter and largest repetition between steps of the noise that the device adds."""
    plain, noisy = feed_with({"d4": False}), feed_with({"d4": False, "noise_sigma": 0.5})
    device = feed_device(noisy, limit_bytes=10**9)
    added = [
        np.asarray(b[0]) - np.asarray(a[0]) for a, b in zip(plain.batches(1), device.batches(1), strict=True)
    ]
    again = next(device.batches(1))[0]
    first = np.asarray(again) - np.asarray(next(plain.batches(1))[0])
    values = np.concatenate([one.ravel() for one in added])
    likeness = np.corrcoef(added[0].ravel(), added[1].ravel())[0, 1]
    return [float(values.mean()), float(values.std()), float(likeness), float(np.abs(first - added[0]).max())]


def own_noise() -> dict[str, list[float]]:
    """Of noise of twice that of the sky, mean and scatter in units of it, and its largest repetition.

    Measured in flux, which the stretch is undone to find.
    """
    plain, noisy = feed_with({"d4": False}), feed_with({"d4": False, "own_noise": 2.0})
    fitted, part = plain.normalisation, plain.data
    gain, scale = np.array(fitted.gain), np.array(fitted.scale)
    order = plain.order(1).reshape(-1, plain.batch_size)
    told = {}
    feeds: dict[str, Any] = {"processor": noisy}
    feeds |= {name: feed_device(noisy, limit_bytes=2 * limit) for name, limit in STORED.items()}
    for name, feed in feeds.items():
        first, *others = [np.asarray(batch[0], np.float64) for batch in feed.batches(1)]
        again = np.asarray(next(feed.batches(1))[0])
        added = []
        for indices, pixels in zip(order, [first, *others], strict=True):
            raw = part.read(indices)
            flux = scale * np.sinh(pixels / gain) + np.array(fitted.centre)
            added.append((flux - raw) / sky_sigma(raw)[:, None, None, :])
        values = np.array(added)
        told[name] = [float(values.mean()), float(values.std()), float(np.abs(again - first).max())]
    return told


def compare_all() -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        endings = compare_endings(Path(folder))
    noises = {"noise": noise(), "own_noise": own_noise()}
    return noises | {"feeds": compare_feeds(), "steps": compare_steps(), "endings": endings}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compare_all()) + "\n")
