"""Resident memory of an import of 50 000 cutouts of 101 × 101 × 3 pixels.

The sum of VmRSS of the importing process and all it started, read ten times a second; pages that
processes share count once for each. The input is one FITS cube per cutout, then all of them in one npy
stack of 6 GB.
"""

import argparse
import io
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SIDE, BANDS = 101, ("g", "r", "i")
LIMIT_MB = 1500.0


def unique_cubes(count: int):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (64, len(BANDS), SIDE, SIDE)).astype(np.float32)
    for number in range(count):
        yield noise[number % 64] + np.float32(number / 1000)


def write_files(folder: Path, count: int) -> None:
    from astropy.io import fits

    model = io.BytesIO()
    fits.PrimaryHDU(np.zeros((len(BANDS), SIDE, SIDE), np.float32)).writeto(model)
    cards, data = model.getvalue()[:2880], bytearray(model.getvalue()[2880:])
    for number, cube in enumerate(unique_cubes(count)):
        data[: cube.nbytes] = cube.astype(">f4").tobytes()
        path = folder / f"{number // 1000:03d}" / f"{number:06d}.fits"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(cards + data)


def write_stack(folder: Path, count: int) -> None:
    shape = (count, len(BANDS), SIDE, SIDE)
    stack = open_memmap(folder / "stack.npy", mode="w+", dtype=np.float32, shape=shape)
    for number, cube in enumerate(unique_cubes(count)):
        stack[number] = cube


def resident_mb(root: int) -> float:
    """Return the memory of process `root` and of all below it."""
    parents, sizes = {}, {}
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in path.read_text().splitlines())
        except (OSError, ValueError):
            continue
        parents[int(path.parent.name)] = int(fields["PPid"])
        sizes[int(path.parent.name)] = int(fields.get("VmRSS", "0 kB").split()[0]) / 1024
    total = 0.0
    for process, size in sizes.items():
        above = process
        while above not in (0, 1, root):
            above = parents.get(above, 0)
        total += size if above == root else 0.0
    return total


def import_watched(source: Path, out: Path, count: int) -> tuple[float, float]:
    """Import `source` in a process of its own; return its peak in MB and its seconds."""
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        import_all(source, out, count)
        os._exit(0)
    peak, ended = 0.0, threading.Event()
    threading.Thread(target=wait_for, args=(child, ended)).start()
    while not ended.wait(0.1):
        peak = max(peak, resident_mb(child))
    return peak, time.perf_counter() - began


def wait_for(child: int, ended: threading.Event) -> None:
    os.waitpid(child, 0)
    ended.set()


def import_all(source: Path, out: Path, count: int) -> None:
    from lensapp.core.data.ingest_spec import IngestSpec
    from lensapp.ingest.importer import run_import
    from lensapp.storage.workspace import Workspace

    result = run_import(Workspace.open(out), name="survey", spec=IngestSpec(path=str(source), bands=BANDS))
    if result["accepted"] != count:
        print(f"expected {count} cutouts, received {result['accepted']}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    count = 4000 if parser.parse_args().quick else 50_000
    print(f"{'input':24}{'peak MB':>10}{'seconds':>10}{'cutouts/s':>11}   ({count} cutouts)")
    worst = 0.0
    for name, write in (("one cube per file", write_files), ("one stack", write_stack)):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "in")
            source.mkdir()
            write(source, count)
            peak, seconds = import_watched(source, Path(folder, "ws"), count)
        print(f"{name:24}{peak:10.0f}{seconds:10.1f}{count / seconds:11.0f}")
        worst = max(worst, peak)
    line = {"benchmark": "memory", "figure": f"resident memory of importing {count} cutouts", "unit": "MB"}
    line |= {"ours": worst, "peer": LIMIT_MB, "ratio": worst / LIMIT_MB, "target": LIMIT_MB}
    print(json.dumps({**line, "met": worst < LIMIT_MB}))


if __name__ == "__main__":
    main()
