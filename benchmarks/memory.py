"""Resident memory of an import of 50 000 cutouts of 101×101×3, all its processes together.

Pixels that several processes have mapped count once (proportional set size), the disk cache of the shards
included. The peer is what one array of the same cutouts would hold.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from astropy.io import fits

PROJECT = Path(__file__).resolve().parents[1]
SIDE, BANDS = 101, ("g", "r", "i")
LIMIT_MB = 1500.0
EVERY_SECONDS = 0.5


def write_cubes(folder: Path, count: int) -> None:
    """Write cubes of noise that differ from each other, sharing one header."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(64, len(BANDS), SIDE, SIDE)).astype(">f4")
    header = fits.PrimaryHDU(noise[0]).header.tostring().encode("ascii")
    padding = bytes(-noise[0].nbytes % 2880)
    for number in range(count):
        pixels = noise[number % len(noise)]
        pixels[0, 0, 0] = number
        (folder / f"{number:06d}.fits").write_bytes(header + pixels.tobytes() + padding)


def peak_mb(command: list[str]) -> tuple[float, float]:
    """Run `command`; return the peak memory of its process tree in MB and the seconds it took."""
    began, peak = time.perf_counter(), 0.0
    child = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL)
    while child.poll() is None:
        peak = max(peak, tree_mb(child.pid))
        time.sleep(EVERY_SECONDS)
    if child.returncode:
        raise SystemExit(f"the import ended with status {child.returncode}")
    return peak, time.perf_counter() - began


def tree_mb(root: int) -> float:
    """Return the proportional set size of a process and its descendants in MB."""
    total = 0
    try:
        family = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in family:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 000 cutouts")
    count = 5_000 if parser.parse_args().quick else 50_000
    with tempfile.TemporaryDirectory(dir=os.environ.get("LENSAPP_BENCHMARK_FOLDER")) as folder:
        cutouts = Path(folder, "survey")
        cutouts.mkdir()
        write_cubes(cutouts, count)
        command = [sys.executable, "-m", "lensapp", "--workspace", str(Path(folder, "workspace"))]
        command += [
            "ingest",
            str(cutouts),
            "--name",
            "survey",
            "--layout",
            "cube",
            "--bands",
            ",".join(BANDS),
        ]
        ours, seconds = peak_mb(command)
    peer = count * SIDE * SIDE * len(BANDS) * 4 / 1e6
    print(f"{count} cutouts in {seconds:.0f} s: peak {ours:.0f} MB; as one array {peer:.0f} MB")
    line = {"benchmark": "memory", "figure": "peak of an import", "unit": "MB", "ours": ours, "peer": peer}
    print(json.dumps(line | {"ratio": ours / peer, "target": LIMIT_MB, "met": ours <= LIMIT_MB}))


if __name__ == "__main__":
    main()
