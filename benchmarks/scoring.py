"""Compare scoring through ONNX Runtime with `keras.Model.predict` on the same packed cutouts.

Both sides read memory-mapped shards, normalise with the network's own normalisation and compute in float32.
The peer does what a Keras user does: `model.predict` on all normalised pixels, at the better of its default
batch of 32 and a batch of 128. Run `python benchmarks/scoring.py [--quick] [--network NAME]`.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from lensapp.core.config import write_json
from lensapp.core.train.normalisation import NormalisationSpec, fit_normalisation
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.score.onnx_export import load_network
from lensapp.learning.score.scorers import TrainedNetwork
from lensapp.learning.score.scoring import outputs_here
from lensapp.storage.arrays import PackedCutouts, Packing, ShardWriter

SIZE, BANDS = 101, ("g", "r", "i")
TARGET_RATIO, TARGET_DIFFERENCE = 1.5, 1e-5
PEER_BATCHES = (32, 128)


@dataclass(frozen=True)
class Case:
    """A saved network and packed cutouts."""

    cutouts: PackedCutouts
    network: TrainedNetwork
    model: Any
    rows: np.ndarray


def prepare(folder: Path, *, network: str, count: int) -> Case:
    from models.registry import build

    rng = np.random.default_rng(0)
    packing = Packing.plan(slots=count, height=SIZE, width=SIZE, bands=BANDS)
    writer = ShardWriter.create(folder / "cutouts", packing)
    for row in range(count):
        writer.write(row, rng.normal(size=(SIZE, SIZE, len(BANDS))).astype(np.float32))
    cutouts = writer.finish()
    rows = np.arange(count)
    fitted = fit_normalisation(cutouts.read(rows[:64]), NormalisationSpec(), bands=BANDS)
    write_json(folder / "normalisation.json", fitted.saved())
    write_json(folder / "spec.json", TrainingSpec(network=network).saved())
    build(network, input_shape=(SIZE, SIZE, len(BANDS))).save(folder / "best.keras")
    return Case(cutouts, TrainedNetwork.open(folder, engine="onnxruntime"), load_network(folder), rows)


def score_ours(case: Case) -> np.ndarray:
    chunks = outputs_here(case.network, case.cutouts, case.rows)
    return np.concatenate([case.network.task.scores(outputs) for _, outputs in chunks])


def score_keras(case: Case, batch: int) -> np.ndarray:
    images = case.network.normalisation.apply(case.cutouts.read(case.rows))
    return np.asarray(case.model.predict(images, batch_size=batch, verbose=0))[:, 0]


def seconds_of(work: Callable[[], np.ndarray]) -> tuple[float, float]:
    """Return the seconds that passed and the seconds that processors worked."""
    started, worked = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - worked


def compare(case: Case, *, rounds: int) -> dict[str, tuple[float, float]]:
    """Return images per second and per cpu-second, medians measured in turns after one warming round."""
    sides: dict[str, Callable[[], np.ndarray]] = {"onnxruntime": lambda: score_ours(case)}
    for batch in PEER_BATCHES:
        sides[f"keras, batch {batch}"] = lambda batch=batch: score_keras(case, batch)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, work in sides.items():
            seconds = seconds_of(work)
            if number:
                taken[name].append(seconds)
    count = len(case.rows)
    return {
        name: (
            count / statistics.median(s[0] for s in values),
            count / statistics.median(s[1] for s in values),
        )
        for name, values in taken.items()
    }


def figure(name: str, unit: str, rates: dict[str, float]) -> None:
    ours, peer = rates["onnxruntime"], max(rate for side, rate in rates.items() if side != "onnxruntime")
    line = {
        "benchmark": "scoring",
        "figure": name,
        "unit": unit,
        "ours": round(ours, 1),
        "peer": round(peer, 1),
    }
    line |= {"ratio": round(ours / peer, 3), "target": TARGET_RATIO, "met": ours / peer >= TARGET_RATIO}
    print(json.dumps(line))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cutouts and rounds")
    parser.add_argument("--network", default="elu_cnn")
    arguments = parser.parse_args()
    count, rounds = (384, 3) if arguments.quick else (2048, 7)
    with tempfile.TemporaryDirectory() as folder:
        case = prepare(Path(folder), network=arguments.network, count=count)
        difference = float(np.abs(score_ours(case) - score_keras(case, 32)).max())
        rates = compare(case, rounds=rounds)
    print(f"{arguments.network}, {count} cutouts of {SIZE}×{SIZE}×{len(BANDS)}, {case.network.engine}")
    for name, (rate, per_cpu) in rates.items():
        print(f"  {name:20s} {rate:8.0f} images/s {per_cpu:8.0f} images/cpu-s")
    network = arguments.network
    figure(f"{network} scored", "images/s", {name: rate for name, (rate, _) in rates.items()})
    figure(
        f"{network} scored per processor", "images/cpu-s", {name: rate for name, (_, rate) in rates.items()}
    )
    parity = {
        "benchmark": "scoring", "figure": "largest difference of a score from Keras", "unit": "score",
        "ours": difference, "peer": 0.0, "ratio": None,
        "target": TARGET_DIFFERENCE, "met": difference <= TARGET_DIFFERENCE,
    }  # fmt: skip
    print(json.dumps(parity))


if __name__ == "__main__":
    main()
