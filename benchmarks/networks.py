"""Time a training step of each network on TensorFlow, our default, and on JAX.

Each library runs in a process of its own, since Keras takes up one for good; the networks are those of the
registry with their own options, and the step is that of a training, figures included. Compilation is left
out of the rates and shown beside them. Run `python benchmarks/networks.py [--quick] [--size 64]`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from lensapp.core.train.network_specs import NETWORKS

BACKENDS = ("tensorflow", "jax")
QUICK = ("simple_cnn", "elu_cnn")
BATCH, BANDS = 32, 3
TARGET_RATIO = 1.0


def measure(name: str, *, size: int, steps: int) -> dict[str, float]:
    """Return images per second and the seconds before the second step, on the backend of this process."""
    from lensapp.core.train.tasks import Head
    from lensapp.core.train.training_spec import TrainingSpec
    from lensapp.learning.train.make_trainer import make_trainer
    from models.registry import REGISTRY, build

    rng = np.random.default_rng(0)
    side = max(size, REGISTRY[name].smallest_size(NETWORKS[name].spec()))
    pixels = rng.normal(size=(BATCH, side, side, BANDS)).astype(np.float32)
    labels = rng.integers(0, 2, size=(BATCH, 1)).astype(np.float32)
    start = time.perf_counter()
    network = build(name, input_shape=(side, side, BANDS), head=Head())
    trainer = make_trainer(network, TrainingSpec(network=name))
    seconds = []
    for _ in range(steps + 1):
        begun = time.perf_counter()
        trainer.train_on_batch(pixels, labels)
        seconds.append(time.perf_counter() - begun)
    ready = time.perf_counter() - start - sum(seconds[1:])
    return {
        "rate": BATCH / statistics.median(seconds[1:]),
        "ready": ready,
        "parameters": network.count_params(),
    }


def measure_all(names: list[str], *, size: int, steps: int) -> None:
    """Print one line of JSON per network."""
    from models.registry import keras

    for name in names:
        print(json.dumps({"name": name} | measure(name, size=size, steps=steps)), flush=True)
        keras.utils.clear_session(free_memory=True)


def run_backend(backend: str, options: list[str]) -> dict[str, dict[str, float]]:
    """Return what a process with `backend` measured, by network; nothing where it is not installed."""
    if find_spec(backend) is None:
        print(f"{backend} is not installed")
        return {}
    done = subprocess.run(
        [sys.executable, __file__, "--here", *options],
        env=os.environ | {"KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}


def show(found: dict[str, dict[str, dict[str, float]]], names: list[str], *, size: int) -> None:
    """Print a table, then a line of JSON per network that ran on both."""
    print(
        f"{'network':>20} {'parameters':>12}"
        + "".join(f" {b + ' img/s':>17} {'ready s':>8}" for b in BACKENDS)
    )
    lines = []
    for name in names:
        rows = [found[backend].get(name) for backend in BACKENDS]
        first = next(row for row in rows if row)
        cells = [f" {row['rate']:>17,.1f} {row['ready']:>8.1f}" if row else f" {'':>26}" for row in rows]
        print(f"{name:>20} {first['parameters']:>12,}" + "".join(cells))
        if all(rows):
            ours, peer = (row["rate"] for row in rows)
            line = {
                "benchmark": "networks",
                "figure": f"training {name}, {size}×{size}×{BANDS}, TF against JAX",
            }
            line |= {"unit": "images/s", "ours": ours, "peer": peer, "ratio": ours / peer}
            lines.append(line | {"target": TARGET_RATIO, "met": ours / peer >= TARGET_RATIO})
    for line in lines:
        print(json.dumps(line, ensure_ascii=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}, fewer steps")
    parser.add_argument("--size", type=int, default=64, help="side of the cutouts in pixels")
    parser.add_argument("--models", default="", help="networks to time, by commas; all when left out")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    names = arguments.models.split(",") if arguments.models else list(QUICK if arguments.quick else NETWORKS)
    if arguments.here:
        measure_all(names, size=arguments.size, steps=5 if arguments.quick else 10)
        return
    found = {backend: run_backend(backend, sys.argv[1:]) for backend in BACKENDS}
    show(found, names, size=arguments.size)


if __name__ == "__main__":
    main()
