"""Compare random batches from packed cutouts with HDF5, one chunk per cutout, uncompressed.

Both files lie in the page cache. HDF5 is read in the two usual ways: `dataset[sorted rows]`, and
`dataset[row]` one by one. Rates are per second of processor time, which other programs on the machine
disturb least. Run `python benchmarks/batches.py [--quick]`.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import h5py
import numpy as np

from lensapp.storage.arrays import PackedCutouts, Packing, ShardWriter

BANDS = ("g", "r", "i")
BATCH = 128
TARGET_RATIO = 10.0
SHAPES = ((64, 64, 1), (64, 64, 3), (101, 101, 3))
ONE_BY_ONE, SORTED = "dataset[row]", "dataset[sorted]"


def pack(folder: Path, *, count: int, shape: tuple[int, int, int]) -> PackedCutouts:
    height, width, bands = shape
    packing = Packing.plan(slots=count, height=height, width=width, bands=BANDS[:bands])
    writer = ShardWriter.create(folder / "source", packing)
    rng = np.random.default_rng(0)
    for row in range(count):
        writer.write(row, rng.standard_normal(shape, np.float32))
    return writer.finish()


def copy_to_hdf5(packed: PackedCutouts, path: Path) -> None:
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("cutouts", packed.shape, "f4", chunks=(1, *packed.shape[1:]))
        for row in range(packed.shape[0]):
            stored[row] = packed.read(np.array([row]))[0]


def read_one_by_one(stored: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    return np.stack([stored[row] for row in rows.tolist()])


def read_sorted(stored: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    ascending = np.argsort(rows)
    pixels = np.empty((len(rows), *stored.shape[1:]), np.float32)
    pixels[ascending] = stored[rows[ascending]]
    return pixels


def images_per_second(read: Callable[[np.ndarray], np.ndarray], rows: np.ndarray) -> float:
    start = time.process_time()
    read(rows)
    return len(rows) / (time.process_time() - start)


def compare(*, count: int, shape: tuple[int, int, int], rounds: int) -> dict[str, float]:
    rng = np.random.default_rng(1)
    rates: dict[str, list[float]] = {"packed": [], ONE_BY_ONE: [], SORTED: []}
    with tempfile.TemporaryDirectory() as name:
        packed = pack(Path(name), count=count, shape=shape)
        copy_to_hdf5(packed, Path(name) / "cutouts.h5")
        with h5py.File(Path(name) / "cutouts.h5") as file:
            stored = file["cutouts"]
            readers = {
                "packed": packed.read,
                ONE_BY_ONE: partial(read_one_by_one, stored),
                SORTED: partial(read_sorted, stored),
            }
            for number in range(rounds + 1):
                rows = rng.permutation(count)[:BATCH]
                for label, read in readers.items():
                    rates[label].append(images_per_second(read, rows))
                    if number == 0:  # warms the caches and checks that all read the same
                        np.testing.assert_array_equal(read(rows), packed.read(rows))
                        rates[label].clear()
    return {label: statistics.median(values) for label, values in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cutouts and rounds")
    quick = parser.parse_args().quick
    lines = []
    print(f"{'shape':>10} {'packed img/s':>13} {ONE_BY_ONE:>13} {'ratio':>6} {SORTED:>15} {'ratio':>6}")
    for shape in SHAPES:
        rates = compare(count=500 if quick else 5000, shape=shape, rounds=7 if quick else 25)
        ours, row = rates["packed"], "×".join(map(str, shape))
        cells = f"{row:>10} {ours:>13,.0f}"
        for idiom in (ONE_BY_ONE, SORTED):
            ratio = ours / rates[idiom]
            cells += f" {rates[idiom]:>{max(13, len(idiom))},.0f} {ratio:>6.1f}"
            line = {"benchmark": "batches", "figure": f"random batches of {BATCH}, {row}, HDF5 {idiom}"}
            line |= {"unit": "images per cpu-second", "ours": ours, "peer": rates[idiom], "ratio": ratio}
            lines.append(line | {"target": TARGET_RATIO, "met": ratio >= TARGET_RATIO})
        print(cells)
    for line in lines:
        print(json.dumps(line, ensure_ascii=False))


if __name__ == "__main__":
    main()
