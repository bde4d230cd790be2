"""Compare scoring with `keras.Model.predict` on the same packed cutouts.

Both sides read memory-mapped shards and normalise with the network's own normalisation. Ours is ONNX Runtime
in float32, and the engine that a run chooses for large sources: the fastest whose recall at a false positive
rate of 1 % stays within its limits on labelled cutouts (rings of random brightness on noise, which the
network has learned). The peer does what a Keras user does: `model.predict` on all normalised pixels, at the
better of its default batch of 32 and a batch of 128. Ratios are medians of rounds in which all sides take
turns. Run `python benchmarks/scoring.py [--quick] [--network NAME]`.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from lensapp.core.backend import choose_backend

choose_backend()  # TensorFlow without its notices

import keras
import numpy as np

from lensapp.core.config import write_json
from lensapp.core.train.normalisation import NormalisationSpec, fit_normalisation
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.batches import LabelledCutouts
from lensapp.learning.score.engine_choice import Choice, compare_engines
from lensapp.learning.score.engines import engines_here, write_integer_network
from lensapp.learning.score.onnx_export import load_network
from lensapp.learning.score.scorers import TrainedNetwork
from lensapp.learning.score.sharded import Shard, computed_here
from lensapp.learning.train.trainer import set_batch_momentum
from lensapp.storage.arrays import Packing, ShardWriter
from models.registry import build

SIZE, BANDS = 101, ("g", "r", "i")
TARGET_RATIO, TARGET_DIFFERENCE = 1.5, 1e-5
PEER_BATCHES = (32, 128)
FLOAT32, CHOSEN = "float32", "engine chosen"


@dataclass(frozen=True)
class Case:
    """Labelled packed cutouts and a network that has learned them: in float32, as chosen, and in Keras."""

    part: LabelledCutouts
    network: TrainedNetwork
    chosen: TrainedNetwork
    choice: Choice
    model: Any


def pack_rings(folder: Path, count: int) -> LabelledCutouts:
    """Pack noise; every other cutout has a ring of random brightness."""
    rng = np.random.default_rng(0)
    packing = Packing.plan(slots=count, height=SIZE, width=SIZE, bands=BANDS)
    writer = ShardWriter.create(folder / "cutouts", packing)
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    ring = np.exp(-(((np.hypot(x, y) - 12.0) / 3.0) ** 2))[..., None].astype(np.float32)
    for row in range(count):
        noise = rng.normal(size=(SIZE, SIZE, len(BANDS))).astype(np.float32)
        writer.write(row, noise + (row % 2) * np.float32(rng.uniform(0.0, 1.5)) * ring)
    rows = np.arange(count)
    return LabelledCutouts(cutouts=writer.finish(), rows=rows, labels=rows % 2, bands=BANDS)


def prepare(folder: Path, *, network: str, count: int, batches: int) -> Case:
    """Pack cutouts, train a network on `batches` of 32 of them, and choose an engine."""
    part = pack_rings(folder, count)
    fitted = fit_normalisation(part.sample(64, seed=0), NormalisationSpec(), bands=BANDS)
    write_json(folder / "normalisation.json", fitted.saved())
    write_json(folder / "spec.json", TrainingSpec(network=network).saved())
    model = build(network, input_shape=(SIZE, SIZE, len(BANDS)))
    set_batch_momentum(model, 0.9, steps=batches)
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    for batch in range(batches):
        rows = np.arange(batch * 32, (batch + 1) * 32) % count
        model.train_on_batch(fitted.apply(part.read(rows)), part.labels[rows, None])
    model.save(folder / "best.keras")
    reference = TrainedNetwork.open(folder, engine="onnxruntime")
    write_integer_network(folder, fitted.apply(part.sample(64, seed=0)))
    networks = {engine: TrainedNetwork.open(folder, engine=engine) for engine in engines_here()}
    choice = compare_engines(reference, networks, part)
    chosen = TrainedNetwork.open(folder, engine=choice["engine"])
    return Case(part, reference, chosen, choice, load_network(folder))


def score_ours(case: Case, network: TrainedNetwork) -> np.ndarray:
    shard = Shard(0, case.part.rows, case.part.rows)
    computed = computed_here(network, case.part.cutouts, [shard])
    return np.concatenate([network.task.scores(outputs) for _, outputs in computed])


def score_keras(case: Case, batch: int) -> np.ndarray:
    images = case.network.normalisation.apply(case.part.cutouts.read(case.part.rows))
    return np.asarray(case.model.predict(images, batch_size=batch, verbose=0))[:, 0]


def seconds_of(work: Callable[[], np.ndarray]) -> tuple[float, float]:
    """Return the seconds that passed and the seconds that processors worked."""
    started, worked = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - worked


def compare(case: Case, *, rounds: int) -> dict[str, np.ndarray]:
    """Return images per second and per cpu-second of each round, shape (rounds, 2), after one to warm up."""
    sides: dict[str, Callable[[], np.ndarray]] = {
        FLOAT32: lambda: score_ours(case, case.network),
        CHOSEN: lambda: score_ours(case, case.chosen),
    }
    for batch in PEER_BATCHES:
        sides[f"keras, batch {batch}"] = lambda batch=batch: score_keras(case, batch)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, work in sides.items():
            seconds = seconds_of(work)
            if number:
                taken[name].append(seconds)
    return {name: len(case.part) / np.asarray(values) for name, values in taken.items()}


def figure(name: str, side: str, rates: dict[str, np.ndarray], column: int) -> None:
    """Print a side beside the better peer: its rates in column 0, those per processor in column 1."""
    peers = {key: values[:, column] for key, values in rates.items() if key.startswith("keras")}
    peer = max(peers.values(), key=np.median)
    ratio = float(np.median(rates[side][:, column] / peer))
    ours = float(np.median(rates[side][:, column]))
    line = {"benchmark": "scoring", "figure": name, "unit": ("images/s", "images/cpu-s")[column]}
    line |= {"ours": round(ours, 1), "peer": round(float(np.median(peer)), 1), "ratio": round(ratio, 3)}
    print(json.dumps(line | {"target": TARGET_RATIO, "met": ratio >= TARGET_RATIO}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cutouts and rounds")
    parser.add_argument("--network", default="elu_cnn")
    arguments = parser.parse_args()
    network = arguments.network
    count, batches, rounds = (512, 16, 2) if arguments.quick else (2048, 64, 7)
    with tempfile.TemporaryDirectory() as folder:
        case = prepare(Path(folder), network=network, count=count, batches=batches)
        difference = float(np.abs(score_ours(case, case.network) - score_keras(case, 32)).max())
        rates = compare(case, rounds=rounds)
    print(f"{network}, {count} cutouts of {SIZE}×{SIZE}×{len(BANDS)}; engine chosen: {case.chosen.engine}")
    for candidate in case.choice["candidates"]:
        print(f"  {candidate}")
    print(f"  limits: {case.choice['limits']}")
    for name, values in rates.items():
        rate, per_cpu = np.median(values, axis=0)
        print(f"  {name:20s} {rate:8.0f} images/s {per_cpu:8.0f} images/cpu-s")
    for side in (FLOAT32, CHOSEN):
        figure(f"{network} scored, {side}", side, rates, 0)
        figure(f"{network} scored per processor, {side}", side, rates, 1)
    parity = {
        "benchmark": "scoring", "figure": "largest difference of a score from Keras", "unit": "score",
        "ours": difference, "peer": 0.0, "ratio": None,
        "target": TARGET_DIFFERENCE, "met": difference <= TARGET_DIFFERENCE,
    }  # fmt: skip
    print(json.dumps(parity))


if __name__ == "__main__":
    main()
