"""Import of FITS cutouts against a plain astropy loop, in images per processor-second.

An image is one FITS file: one band of one cutout. The peer opens each file with astropy and writes its
pixels to a memory-mapped npy file. Ours is the whole import: names grouped, pixels checked and masked,
positions read, fingerprints made, packed, rows stored, quality reported. Processor time is that of all
processes with the start of the workers; libraries are loaded before, and the program is compiled to
bytecode, as it is after its first use. Both read with one process, as two on the hyperthreads of one core
count its time twice.
"""

import argparse
import compileall
import io
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from multiprocessing import forkserver
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SIDE = 101
BANDS = ("g", "r", "i")
TARGET = 3.5


def write_survey(folder: Path, objects: int) -> list[Path]:
    """Write one file per band, 101 × 101 float32 with a WCS, as surveys deliver them."""
    from astropy.io import fits

    rng = np.random.default_rng(0)
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"], header["CRVAL2"] = "RA---TAN", "DEC--TAN", 2.0
    header["CRPIX1"] = header["CRPIX2"] = (SIDE + 1) / 2
    header["CD1_1"], header["CD2_2"] = -0.2 / 3600, 0.2 / 3600
    header["EXPTIME"], header["TELESCOP"], header["BUNIT"] = 90.0, "a telescope", "count"
    header["CRVAL1"] = 123.456789
    model = io.BytesIO()
    fits.PrimaryHDU(np.zeros((SIDE, SIDE), np.float32), header).writeto(model)
    cards, data = model.getvalue()[:2880], bytearray(model.getvalue()[2880:])
    noise = rng.normal(0, 1, (64, SIDE, SIDE)).astype(np.float32)
    paths = []
    for number in range(objects):
        placed = cards.replace(b"123.456789", f"{100 + number / 1000:10.6f}".encode())
        for band in BANDS:
            path = folder / f"{number:06d}" / f"{number:06d}_{band}.fits"
            path.parent.mkdir(exist_ok=True)
            pixels = noise[rng.integers(64)] + np.float32(rng.normal())
            data[: pixels.nbytes] = pixels.astype(">f4").tobytes()
            path.write_bytes(placed + data)
            paths.append(path)
    return paths


def read_and_pack(survey: Path, out: Path, objects: int) -> None:
    """Do what a reading process of the import does: read, check, mask, fingerprint and write cutouts."""
    import lensapp.ingest.gate.worker_settings  # noqa: F401 - as in the processes of the import
    from lensapp.core.data.ingest_spec import IngestSpec
    from lensapp.ingest.cutout import pack_chunk
    from lensapp.ingest.plan import make_plan
    from lensapp.storage.arrays import Packing, ShardWriter

    plan = make_plan(IngestSpec(path=str(survey)))
    packing = Packing.plan(slots=objects, height=SIDE, width=SIDE, bands=plan.recipe.bands)
    ShardWriter.create(out / "packed", packing)
    for start in range(0, objects, 128):
        part = plan.candidates[start : start + 128]
        pack_chunk(plan.recipe, packing, str(out / "packed"), start, part)


def in_child(function, *arguments: object) -> float:
    """Run `function` in a forked process and return the processor-seconds it took with all its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = os.fork()
    if child == 0:
        try:
            function(*arguments)
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.waitpid(child, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peer(paths: list[Path], out: Path) -> None:
    from astropy.io import fits

    shape = (len(paths) // len(BANDS), SIDE, SIDE, len(BANDS))
    packed = open_memmap(out / "peer.npy", mode="w+", dtype=np.float32, shape=shape)
    for place, path in enumerate(paths):
        with fits.open(path) as hdus:
            packed[place // len(BANDS), ..., place % len(BANDS)] = hdus[0].data
    packed.flush()


def ours(survey: Path, out: Path, accepted: int) -> None:
    from lensapp.core.data.ingest_spec import IngestSpec
    from lensapp.ingest.importer import run_import
    from lensapp.storage.workspace import Workspace

    result = run_import(Workspace.open(out), name="survey", spec=IngestSpec(path=str(survey)), processes=1)
    if result["accepted"] != accepted:
        raise SystemExit(f"expected {accepted} cutouts, received {result['accepted']}")
    # Wait for the server of the worker processes: only then their time counts as that of our children.
    forkserver._forkserver._stop()


def main() -> None:
    # Not at the top: the worker processes import this file again.
    import lensapp.ingest.importer  # noqa: F401 - loaded before the clock runs, as astropy is
    from lensapp.storage.workspace import Workspace

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    objects, rounds = (2000, 2) if quick else (20_000, 3)
    # Where Python is told to write no bytecode, each process would compile the program anew.
    compileall.compile_dir(Path(__file__).parents[1] / "lensapp", quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        survey = Path(folder, "survey")
        survey.mkdir()
        paths = write_survey(survey, objects)
        calls = {"peer": peer, "ours": ours, "reading": read_and_pack}
        rates: dict[str, list[float]] = {name: [] for name in calls}
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for number in range(rounds):
            out = Path(folder, f"round{number}")
            Workspace.open(out).database.close()  # made and migrated before the clock runs
            for name, call in calls.items():
                arguments = (paths, out) if name == "peer" else (survey, out, objects)
                began = time.perf_counter()
                rates[name].append(len(paths) / in_child(call, *arguments))
                seconds[name].append(time.perf_counter() - began)
            shutil.rmtree(out)
    print(f"{'':26}{'images per cpu-second':>22}{'seconds':>10}   ({len(paths)} files, {rounds} rounds)")
    names = {"ours": "import, as a whole", "reading": "its reading and packing", "peer": "astropy loop"}
    for key, name in names.items():
        print(f"{name:26}{statistics.median(rates[key]):22.0f}{statistics.median(seconds[key]):10.2f}")
    for key in ("reading", "ours"):
        figure = f"{names[key]}: images per cpu-second"
        ratio = statistics.median(a / b for a, b in zip(rates[key], rates["peer"], strict=True))
        line = {"benchmark": "ingest", "figure": figure, "unit": "1/s", "ours": statistics.median(rates[key])}
        line |= {"peer": statistics.median(rates["peer"]), "ratio": ratio, "target": TARGET}
        print(json.dumps({**line, "met": ratio >= TARGET}))


if __name__ == "__main__":
    main()
