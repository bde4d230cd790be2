"""Measure training and scoring on a GPU: our loop beside the pure step, S4's full recipe, cutouts scored.

It is started by `benchmarks/gpu.sh`. The pure step is the compiled step on one batch that lies on the device,
taken as often as in an epoch without any feed; ours is the training loop's own windows with their changes, on
the same trainer. Rounds alternate; ratios are medians. `--dry` (or `--quick`) runs all of it on small cutouts
on the processor, to see that it works.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from lensapp.core.backend import choose_backend

choose_backend()  # TensorFlow without its notices

import keras
import numpy as np

from lensapp.core.train.network_specs import network_options
from lensapp.core.train.normalisation import FittedNormalisation, fit_normalisation
from lensapp.core.train.presets import find_preset
from lensapp.core.train.tasks import FittedTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.batches import Feed, LabelledCutouts
from lensapp.learning.feed.device_feed import DeviceFeed, Window, feed_device
from lensapp.learning.score.scorers import TrainedNetwork
from lensapp.learning.train.devices import choose_device, gpu_load, precision_on
from lensapp.learning.train.make_trainer import make_trainer
from lensapp.learning.train.trainer import Trainer, precision_of
from lensapp.learning.train.training import train
from lensapp.learning.train.windows import window_taker
from models.registry import build

TARGET_SHARE, TARGET_S4_SECONDS, TARGET_SCORED = 0.95, 300.0, 20_000.0
S4_HOURS_PUBLISHED = 10.0
S4_CUTOUTS, S4_SIDE, S4_BATCH, S4_EPOCHS = 15_055, 101, 256, 120

TINY = {
    "lens_cnn": {"filters": 1, "dense_units": 4, "second_dense_units": 2},
    "deeplens_resnet46": {"filters": 2, "stages": 2, "blocks": 1},
    "elu_cnn": {"filters": 1, "dense_units": 4, "second_dense_units": 2},
    "equivariant_resnet": {"fields": 1, "dense_units": 2},
    "convnext_tiny": {"width": 0.1, "blocks": 1},
}


@dataclass(frozen=True)
class Case:
    """A network to train: its specification, the cutouts' side and bands, and a batch."""

    name: str
    spec: TrainingSpec
    side: int
    bands: int = 3


def cases(*, dry: bool) -> list[Case]:
    """Return S1, S4, S5, our own network and ConvNeXt where the registry has it."""
    found = [
        Case(name, find_preset(name).spec, side) for name, side in (("S1", 60), ("S4", 101), ("S5", 101))
    ]
    for name in ("equivariant_resnet", "convnext_tiny"):
        try:
            found.append(Case(name, TrainingSpec(network=name, batch_size=128), 101))
        except ValueError:
            sys.stderr.write(f"{name} is not among the networks here: left out.\n")
    return [tiny(one) for one in found] if dry else found


def tiny(case: Case) -> Case:
    """Return a case that a processor trains in a second."""
    changes = {"batch_size": 4, "network_options": TINY.get(case.spec.network, {})}
    side = case.side if case.spec.network == "lens_cnn" else 33
    return Case(case.name, case.spec.model_copy(update=changes), side)


class ArrayCutouts:
    """Cutouts in memory."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels
        self.shape = pixels.shape

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the cutouts at these rows."""
        return self.pixels[rows]


def rings(count: int, *, side: int, bands: int, seed: int = 0) -> LabelledCutouts:
    """Return noise; every other cutout has a ring of random brightness."""
    rng = np.random.default_rng(seed)
    pixels = rng.standard_normal((count, side, side, bands), np.float32)
    y, x = np.mgrid[:side, :side] - side // 2
    ring = np.exp(-(((np.hypot(x, y) - side / 8) / 3.0) ** 2))[..., None].astype(np.float32)
    pixels[1::2] += rng.uniform(0.5, 2.0, (count // 2, 1, 1, 1)).astype(np.float32) * ring
    names = ("g", "r", "i", "z", "y")[:bands]
    rows = np.arange(count)
    return LabelledCutouts(cutouts=ArrayCutouts(pixels), rows=rows, labels=rows % 2, bands=names)


def feed_of(part: LabelledCutouts, spec: TrainingSpec) -> tuple[Feed, FittedNormalisation]:
    fitted = fit_normalisation(part.sample(256, seed=0), spec.normalisation, bands=part.bands)
    feed = Feed(
        data=part, normalisation=fitted, augmentation=spec.augmentation, batch_size=spec.batch_size, seed=0
    )
    return feed, fitted


def pure_window(device: DeviceFeed, window: Window) -> tuple[DeviceFeed, Window]:
    """Return a feed and a window that take as many steps on one batch that lies on the device, unchanged."""
    chosen = {name: np.repeat(rows[:1], window.steps, axis=0) for name, rows in window.inputs.items()}
    batch, _, _ = device.batch(window.pixels, {name: rows[0] for name, rows in window.inputs.items()})

    class Resident(DeviceFeed):
        """Gives one batch, which is there already."""

        def batch(self, pixels: Any, inputs: dict[str, Any]) -> Any:
            return pixels, inputs["labels"], inputs["weights"]

    resident = Resident(feed=device.feed, pixels=batch, window_steps=device.window_steps)
    kept = {name: chosen[name] for name in ("labels", "weights")}
    return resident, Window(window.steps, batch, kept)


def make_case_trainer(case: Case) -> Trainer:
    with precision_of(precision_on(choose_device("auto"), case.spec.precision)):
        options = network_options(case.spec.network, case.spec.network_options)
        shape = (case.side, case.side, case.bands)
        network = build(
            case.spec.network,
            input_shape=shape,
            spec=options,
            head=FittedTask().head,
            inputs=case.spec.input,
        )
        return make_trainer(network, case.spec)


def seconds_of(take: Any, windows: Iterator[Window] | list[Window]) -> float:
    """Return how long windows take, to the last number on the device."""
    start, loss = time.perf_counter(), None
    for window in windows:
        loss = take(window)
    assert loss is not None
    assert np.isfinite(float(loss))
    return time.perf_counter() - start


def show(**line: Any) -> None:
    print(json.dumps({"benchmark": "gpu", **line}), flush=True)


def measure_steps(case: Case, *, steps: int, rounds: int) -> None:
    """Print images per second of our windows beside the pure step."""
    part = rings(steps * case.spec.batch_size, side=case.side, bands=case.bands)
    feed, _ = feed_of(part, case.spec)
    device = feed_device(feed, limit_bytes=2**33)
    trainer = make_case_trainer(case)
    resident, pure = pure_window(device, device.window(0, 0, device.order(0)))
    ours, alone = window_taker(trainer, device), window_taker(trainer, resident)
    whole = -(-feed.steps // pure.steps)
    rates: dict[str, list[float]] = {"ours": [], "pure": []}
    for number in range(rounds + 1):  # the first compiles
        taken = {
            "pure": seconds_of(alone, [pure] * whole) * feed.steps / (whole * pure.steps),
            "ours": seconds_of(ours, device.windows(number + 1)),
        }
        if number:
            for side, seconds in taken.items():
                rates[side].append(feed.steps * case.spec.batch_size / seconds)
    share = float(np.median(np.array(rates["ours"]) / rates["pure"]))
    show(
        figure=f"training {case.name} ({case.spec.network}), {case.side}×{case.side}×{case.bands}, "
        f"batch {case.spec.batch_size}, {case.spec.precision}",
        unit="images/s",
        ours=round(float(np.median(rates["ours"])), 1),
        peer=round(float(np.median(rates["pure"])), 1),
        ratio=round(share, 3),
        target=TARGET_SHARE,
        met=share >= TARGET_SHARE,
    )  # fmt: skip


def measure_s4(device: str, *, dry: bool) -> Path:
    """Train S4's recipe from end to end, and print its time beside the ten hours of the document."""
    count, side, epochs = (48, 33, 2) if dry else (S4_CUTOUTS, S4_SIDE, S4_EPOCHS)
    spec = find_preset("S4").spec.model_copy(
        update={
            "epochs": epochs,
            "batch_size": 8 if dry else S4_BATCH,
            "device": device,
            "network_options": TINY["deeplens_resnet46"] if dry else {},
        }
    )
    training = rings(count, side=side, bands=3)
    validation = rings(max(count // 8, 16), side=side, bands=3, seed=1)
    folder = Path(tempfile.mkdtemp(prefix="lensapp-gpu-")) / "s4"
    start, loads = time.perf_counter(), []

    def report(progress: Any) -> None:
        if progress.get("gpu_load") is not None:
            loads.append(progress["gpu_load"])

    result = train(spec, training=training, validation=validation, folder=folder, report=report)
    seconds = time.perf_counter() - start
    published = S4_HOURS_PUBLISHED * 3600
    show(
        figure=f"S4 from end to end, {count} cutouts, {result.epochs} epochs",
        best_auroc=result.best["val_auc"],
        unit="s", ours=round(seconds, 1), peer=published, ratio=round(published / seconds, 1),
        target=TARGET_S4_SECONDS, met=seconds <= TARGET_S4_SECONDS and not dry,
        gpu_load=round(float(np.median(loads)), 3) if loads else None,
    )  # fmt: skip
    return folder


def measure_scoring(folder: Path, *, dry: bool) -> None:
    """Print how many cutouts per second the trained network scores, normalisation included."""
    count = 64 if dry else 40_000
    network = TrainedNetwork.open(folder)
    side = network.normalisation.size[0]
    pixels = np.random.default_rng(2).standard_normal((count, side, side, 3), np.float32)
    network.score(pixels[: min(count, 2048)])
    seconds = []
    for _ in range(1 if dry else 3):
        start = time.perf_counter()
        network.score(pixels)
        seconds.append(time.perf_counter() - start)
    rate = count / float(np.median(seconds))
    show(
        figure=f"scoring through S4's network, {network.engine}", unit="cutouts/s", ours=round(rate, 1),
        peer=None, ratio=None, target=TARGET_SCORED, met=rate >= TARGET_SCORED and not dry,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="small cutouts on the processor")
    parser.add_argument("--quick", action="store_true", help="the same as --dry")
    arguments = parser.parse_args()
    dry = arguments.dry or arguments.quick
    name = "cpu" if dry else choose_device("auto")
    if not dry and not name.startswith("gpu"):
        raise SystemExit("No GPU is seen here. Take --dry to run everything on small cutouts.")
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, {name}, now {gpu_load(name)}")
    steps, rounds = (3, 1) if dry else (100, 3)
    with keras.device("cpu:0" if dry else name):
        for case in cases(dry=dry):
            measure_steps(case, steps=steps, rounds=rounds)
    measure_scoring(measure_s4(name, dry=dry), dry=dry)


if __name__ == "__main__":
    main()
