"""Measure how much of the training speed our feed leaves: fed steps against steps on one resident batch.

The network is S5's at 101×101×3 with batches of 128 on the CPU. Two feeds are measured: from memory, as
`train` does with parts of up to 2 GiB, and from packed cutouts in the page cache, which are normalised in
each epoch. Rates are per second of processor time, all threads of the feed included, which other programs on
the machine disturb least; rounds of all kinds alternate. Run `python benchmarks/feed.py [--quick]`.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from lensapp.core.train.normalisation import fit_normalisation
from lensapp.core.train.presets import find_preset
from lensapp.learning.feed.batches import Batch, Feed, LabelledCutouts, keep_in_memory
from lensapp.learning.train.devices import prepare_device
from lensapp.learning.train.make_trainer import make_trainer
from lensapp.learning.train.trainer import Trainer
from lensapp.storage.arrays import Packing, ShardWriter
from models.registry import build

BANDS = ("g", "r", "z")
SIZE, BATCH = 101, 128
TARGET_SHARE = 0.95


def make_feed(folder: Path, *, steps: int) -> Feed:
    spec, count = find_preset("S5").spec, steps * BATCH
    packing = Packing.plan(slots=count, height=SIZE, width=SIZE, bands=BANDS)
    writer = ShardWriter.create(folder / "source", packing)
    rng = np.random.default_rng(0)
    for row in range(count):
        writer.write(row, rng.standard_normal((SIZE, SIZE, len(BANDS)), np.float32))
    labels = rng.integers(2, size=count)
    part = LabelledCutouts(cutouts=writer.finish(), rows=np.arange(count), labels=labels, bands=BANDS)
    fitted = fit_normalisation(part.sample(64, seed=0), spec.normalisation, bands=BANDS)
    return Feed(
        data=part, normalisation=fitted, augmentation=spec.augmentation, batch_size=BATCH, seed=spec.seed
    )


def step(trainer: Trainer, batch: Batch) -> None:
    trainer.train_on_batch(batch[0], batch[1], sample_weight=batch[2], return_dict=True)


def pure_rate(trainer: Trainer, resident: Batch, *, steps: int) -> float:
    start = time.process_time()
    for _ in range(steps):
        step(trainer, resident)
    return steps * BATCH / (time.process_time() - start)


def fed_rate(trainer: Trainer, feed: Feed, *, epoch: int) -> float:
    start = time.process_time()
    for batch in feed.batches(epoch):
        step(trainer, batch)
    return feed.steps * BATCH / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer steps and rounds")
    quick = parser.parse_args().quick
    steps, rounds = (3, 2) if quick else (10, 7)
    prepare_device("cpu:0")
    with tempfile.TemporaryDirectory() as name:
        feed = make_feed(Path(name), steps=steps)
        trainer = make_trainer(build("elu_cnn", input_shape=(SIZE, SIZE, len(BANDS))), find_preset("S5").spec)
        resident = next(feed.batches(0))
        pure_rate(trainer, resident, steps=2)
        feeds = {"from memory": keep_in_memory(feed), "from disk": feed}
        rates: dict[str, list[float]] = {"pure": []} | {label: [] for label in feeds}
        for number in range(1, rounds + 1):
            rates["pure"].append(pure_rate(trainer, resident, steps=steps))
            for label, each in feeds.items():
                rates[label].append(fed_rate(trainer, each, epoch=number))
    show(rates)


def show(rates: dict[str, list[float]]) -> None:
    print("".join(f"{label:>14}" for label in rates) + "   images/cpu-s")
    for row in zip(*rates.values(), strict=True):
        print("".join(f"{rate:>14.1f}" for rate in row))
    for label, fed in rates.items():
        if label == "pure":
            continue
        ratio = statistics.median(mine / pure for mine, pure in zip(fed, rates["pure"], strict=True))
        line = {"benchmark": "feed", "figure": f"training speed left by our feed {label}, S5 on the CPU"}
        line |= {
            "unit": "images/cpu-s",
            "ours": statistics.median(fed),
            "peer": statistics.median(rates["pure"]),
        }
        line |= {"ratio": ratio, "target": TARGET_SHARE, "met": ratio >= TARGET_SHARE}
        print(json.dumps(line))


if __name__ == "__main__":
    main()
