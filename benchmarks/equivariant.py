"""Compare our C8 group convolution with escnn's, forward and backward, on the same maps.

escnn is no requirement of the program: `pip install torch escnn` beside it (its lie_learn needs numpy 1,
but only for rotations in space: an empty package in its place will do); where it is absent, only ours is
measured. Both have 8 fields of 8 orientations, 5×5 kernels of harmonics and 33×33 pixels. Figures are per
second of processor time. Run `KERAS_BACKEND=torch python benchmarks/equivariant.py [--quick]`: both then
run on PyTorch, and TensorFlow, which does not go with it in one process, stays out.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from lensapp.core.backend import choose_backend

choose_backend()  # TensorFlow without its notices

import keras
import numpy as np

from models.layers.group_convolution import GroupConv2D

FIELDS, ORDER, SIDE, SIZE = 8, 8, 5, 33
TARGET_RATIO = 1.0


def our_step() -> Callable[[Any], Any]:
    maps = keras.Input((SIZE, SIZE, ORDER * FIELDS))
    pooled = keras.layers.GlobalAveragePooling2D()(GroupConv2D(FIELDS, SIDE, group="c8")(maps))
    network = keras.Model(maps, pooled)
    network.compile("sgd", "mse")
    return partial(take_step, network)


def take_step(network: keras.Model, images: Any) -> None:
    network.train_on_batch(images, np.zeros((len(images), ORDER * FIELDS), np.float32))


def escnn_step() -> Callable[[Any], Any]:
    import torch
    from escnn import gspaces, nn

    space = gspaces.rot2dOnR2(N=ORDER)
    kind = nn.FieldType(space, FIELDS * [space.regular_repr])
    layer = nn.R2Conv(kind, kind, kernel_size=SIDE, padding=SIDE // 2, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
    return partial(take_escnn_step, layer, kind, optimizer)


def take_escnn_step(layer: Any, kind: Any, optimizer: Any, images: np.ndarray) -> None:
    import torch
    from escnn import nn

    optimizer.zero_grad()
    maps = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).requires_grad_()
    layer(nn.GeometricTensor(maps, kind)).tensor.mean(dim=(2, 3)).square().mean().backward()
    optimizer.step()


def images_per_second(step: Callable[[Any], Any], images: np.ndarray) -> float:
    start = time.process_time()
    step(images)
    return len(images) / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer images and rounds")
    quick = parser.parse_args().quick
    images = np.random.default_rng(0).normal(size=(8 if quick else 32, SIZE, SIZE, ORDER * FIELDS))
    images = images.astype(np.float32)
    steps = {"ours": our_step()}
    if find_spec("escnn") is not None:
        steps["escnn"] = escnn_step()
    else:
        print("escnn is not installed (pip install torch escnn): ours alone is measured.")
    rates: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(4 if quick else 16):
        for name, step in steps.items():
            rate = images_per_second(step, images)
            if number > 0:  # the first round compiles
                rates[name].append(rate)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    print(f"{'layer':>10} {'images per cpu-second':>22}")
    for name, rate in medians.items():
        print(f"{name:>10} {rate:>22,.0f}")
    ours, peer = medians["ours"], medians.get("escnn")
    ratio = None if peer is None else ours / peer
    line: dict[str, Any] = {
        "benchmark": "equivariant",
        "figure": "training step of a C8 group convolution, 33×33, 64 maps",
    }
    line |= {"unit": "images per cpu-second", "ours": ours, "peer": peer, "ratio": ratio}
    target = None if peer is None else TARGET_RATIO
    line |= {"target": target, "met": None if ratio is None else ratio >= TARGET_RATIO}
    print(json.dumps(line, ensure_ascii=False))


if __name__ == "__main__":
    main()
