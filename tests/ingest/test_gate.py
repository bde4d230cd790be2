"""Files of strangers: refused with a reason or read right, never a hang, a traceback or endless memory."""
# ruff: noqa: E501 - one case of a table a line

import bz2
import gzip
import io
import os
import re
import socket
import subprocess
import sys
import time
import zipfile
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.array_files import open_arrays
from lensapp.ingest.formats.fits_choice import single_image
from lensapp.ingest.formats.fits_files import open_fits, read_pixels
from lensapp.ingest.formats.image_files import read_image
from lensapp.ingest.formats.packed import unpack
from lensapp.ingest.formats.table_files import read_table
from lensapp.ingest.gate import subprocesses
from lensapp.ingest.gate.guards import reading
from lensapp.ingest.gate.limits import PREFIX, Limits, limits
from lensapp.ingest.gate.subprocesses import in_order
from lensapp.ingest.preview import make_preview
from lensapp.ingest.refusals import Refused
from lensapp.services.data.known_lenses import read_known_lenses
from lensapp.services.evaluate.metrics_table import metrics_of_table
from lensapp.services.inspect.vote_import import read_vote_table
from support.cutout_files import cutout, write_fits

MIB = 2**20
ROOT = Path(__file__).parents[2]


def card(keyword: str, value: object) -> bytes:
    return f"{keyword:8s}= {value:>20}".ljust(80).encode()


def fits_bytes(side: int = 16) -> bytes:
    file = io.BytesIO()
    fits.PrimaryHDU(cutout(side=side)).writeto(file)
    return file.getvalue()


def with_card(raw: bytes, keyword: str, value: object) -> bytes:
    """The file with the value of one card changed."""
    start = raw.index(f"{keyword:8s}=".encode())
    return raw[:start] + card(keyword, value) + raw[start + 80 :]


def with_second(raw: bytes, keyword: str, value: object) -> bytes:
    """The file with one card more at the end of its first header."""
    end = raw.index(b"END".ljust(80))
    return raw[:end] + card(keyword, value) + raw[end : 2880 - 80] + raw[2880:]


def huge_fits(side: int = 24_000) -> bytes:
    """The header of a FITS image of 2.3 GB."""
    header = fits.Header(
        [("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", side), ("NAXIS2", side)]
    )
    return header.tostring().encode()


def zeros(mebibytes: int, opener) -> bytes:
    file = io.BytesIO()
    with opener(file, "wb") as packed:
        packed.write(huge_fits())
        for _ in range(mebibytes):
            packed.write(bytes(MIB))
    return file.getvalue()


def hdf5(path: Path, make) -> None:
    with h5py.File(path, "w") as file:
        make(file)


def virtual(file: h5py.File) -> None:
    outside = Path(file.filename).parents[1] / "outside.h5"
    hdf5(outside, lambda other: other.create_dataset("image", data=cutout(side=16)[None]))
    layout = h5py.VirtualLayout(shape=(1, 16, 16), dtype="f4")
    layout[...] = h5py.VirtualSource(str(outside), "image", shape=(1, 16, 16))
    file.create_virtual_dataset("image", layout)


def damaged_npz(path: Path) -> None:
    np.savez(path, images=np.ones((2, 1, 16, 16), np.float32))
    content = bytearray(path.read_bytes())
    content[600] ^= 255
    path.write_bytes(content)


def falsely_sized_npz(path: Path) -> None:
    array = io.BytesIO()
    np.save(array, np.ones((2, 1, 16, 16), np.float32))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", array.getvalue().replace(b"(2, 1, 16, 16)", b"(9, 9, 99, 99)"))


def npy_header(path: Path, text: str) -> None:
    body = text.ljust(117).encode() + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body)


HOSTILE = {
    "a negative axis": ("a.fits", lambda p: p.write_bytes(with_card(fits_bytes(), "NAXIS2", -20)), "NAXIS2 is -20"),
    "a second axis": ("a.fits", lambda p: p.write_bytes(with_second(fits_bytes(), "NAXIS1", 8)), "NAXIS1 is 16 and 8"),
    "a second type": ("a.fits", lambda p: p.write_bytes(with_second(fits_bytes(), "BITPIX", 16)), "BITPIX is -32 and"),
    "an axis too many": ("a.fits", lambda p: p.write_bytes(with_second(fits_bytes(), "NAXIS3", 3)), "contradicts"),
    "an axis of words": ("a.fits", lambda p: p.write_bytes(with_card(fits_bytes(), "NAXIS1", "'x'")), "whole number"),
    "more than there is": ("a.fits", lambda p: p.write_bytes(huge_fits()), "truncated"),
    "a gzip bomb": ("a.fits.gz", lambda p: p.write_bytes(zeros(200, gzip.open)), "unpacks to more than 128 MiB"),
    "a bzip2 bomb": ("a.fits.bz2", lambda p: p.write_bytes(zeros(200, bz2.open)), "unpacks to more than 128 MiB"),
    "a wide PNG": ("a.png", lambda p: Image.new("L", (8000, 8000)).save(p), "8000 × 8000 pixels"),
    "a wide JPEG": ("a.jpg", lambda p: Image.new("L", (8000, 8000)).save(p), "8000 × 8000 pixels"),
    "PostScript": ("a.png", lambda p: p.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\nshowpage\n"), "identify"),
    "a wide HDF5": (
        "a.h5",
        lambda p: hdf5(p, lambda f: f.create_dataset("image", (1, 40000, 40000), "f4", chunks=(1, 100, 100))),
        "40000 × 40000 pixels",
    ),
    "one HDF5 chunk": (
        "a.h5",
        lambda p: hdf5(p, lambda f: f.create_dataset("image", (90000, 64, 64), "f4", chunks=(90000, 64, 64))),
        "unpacks to more",
    ),
    "external storage": (
        "a.h5",
        lambda p: hdf5(p, lambda f: f.create_dataset("image", (1, 16, 16), "u1", external=[("/etc/passwd", 0, 256)])),
        "names /etc/passwd",
    ),
    "a virtual dataset": ("a.h5", lambda p: hdf5(p, virtual), "out of the file's folder"),
    "an external link": (
        "a.h5",
        lambda p: hdf5(p, lambda f: f.__setitem__("image", h5py.ExternalLink("../outside.h5", "image"))),
        "another file",
    ),
    "a damaged npz": ("a.npz", damaged_npz, "damaged"),
    "a false size": ("a.npz", falsely_sized_npz, "which are not there"),
    "pickles": ("a.npz", lambda p: np.savez(p, images=np.array([{}], object)), "never loaded"),
    "a packed bomb": (
        "a.npz",
        lambda p: np.savez_compressed(p, images=np.zeros((600, 1, 256, 256), np.float32)),
        "unpacks to more",
    ),
    "a header of words": ("a.npy", lambda p: npy_header(p, "{'descr': '<f4', 'shape' ]]"), "not a readable file of"),
    "a huge header": (
        "a.npy",
        lambda p: npy_header(p, "{'descr': '<f4', 'fortran_order': False, 'shape': (10000000, 1, 1000, 1000)}"),
        "not a readable file of arrays",
    ),
    "a pipe": ("a.fits", os.mkfifo, "a pipe, not a regular file"),
    "a pipe of arrays": ("a.h5", os.mkfifo, "a pipe, not a regular file"),
    "a link out": ("a.fits", lambda p: p.symlink_to("/etc/passwd"), "out of the folder"),
    "a device": ("a.png", lambda p: p.symlink_to("/dev/zero"), "out of the folder"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "make", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_cutouts_are_refused_with_the_reason(tmp_path, name, make, reason):
    folder = tmp_path / "cutouts"
    folder.mkdir()
    make(folder / name)
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        make_preview(IngestSpec.parse({"path": str(folder), "bands": ["r"]}))


def test_a_hostile_file_among_good_ones_is_that_files_rejection(tmp_path):
    for number in range(3):
        write_fits(tmp_path / f"good{number}.fits", cutout(number, side=16))
    (tmp_path / "negative.fits").write_bytes(with_card(fits_bytes(), "NAXIS2", -20))
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "linked.fits").symlink_to("/etc/passwd")
    found = make_preview(IngestSpec.parse({"path": str(tmp_path), "bands": ["r"]}))
    codes = {rejection.file: rejection.code for rejection in found.rejected}
    assert found.accepted == 3
    assert codes == {"negative.fits": "unreadable", "pipe.fits": "unreadable", "linked.fits": "elsewhere"}


def table_bytes(**cards: object) -> bytes:
    file = io.BytesIO()
    columns = [fits.Column("id", "8A", array=["a", "b"]), fits.Column("score", "E", array=[0.0, 1.0])]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(file)
    raw = file.getvalue()
    for keyword, value in cards.items():
        raw = raw[:2880] + with_card(raw[2880:], keyword, value)
    return raw


VOTABLE = """<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
<FIELD name="id" datatype="int"/><DATA><BINARY><STREAM href="http://127.0.0.1:9/rows"/></BINARY></DATA>
</TABLE></RESOURCE></VOTABLE>"""
WIDE = ",".join(["id", "score", *(f"c{number}" for number in range(200_000))]).encode()
HOSTILE_TABLES = {
    "a pipe": ("t.csv", os.mkfifo, "a pipe, not a regular file"),
    "200 000 columns": ("t.csv", lambda p: p.write_bytes(WIDE + b"\n1,2\n"), "columns, more than 4096"),
    "a negative axis": ("t.fits", lambda p: p.write_bytes(table_bytes(NAXIS2=-20)), "NAXIS2 is -20"),
    "rows of no bytes": ("t.fits", lambda p: p.write_bytes(table_bytes(NAXIS1=0, NAXIS2=2 * 10**9)), "cells"),
    "a bomb": ("t.fits", lambda p: p.write_bytes(zeros(200, gzip.open)), "unpacks to more"),
    "a packed text": (
        "t.csv",
        lambda p: p.write_bytes(gzip.compress(b"id,score\na,1\n")),
        "packed; unpack it",
    ),
    "rows at an address": ("t.vot", lambda p: p.write_text(VOTABLE), "not fetched"),
    "entities": (
        "t.vot",
        lambda p: p.write_text('<!DOCTYPE a [<!ENTITY b "bb">]>' + VOTABLE[:9]),
        "entities",
    ),
}


@pytest.mark.parametrize(("name", "make", "reason"), HOSTILE_TABLES.values(), ids=HOSTILE_TABLES)
def test_hostile_tables_are_refused_with_the_reason(tmp_path, name, make, reason):
    make(tmp_path / name)
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        read_table(tmp_path / name)
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        read_vote_table(tmp_path / name, {})


def test_score_tables_and_known_lenses_go_through_the_same_gate(tmp_path):
    table = tmp_path / "t.fits"
    table.write_bytes(table_bytes(NAXIS2=-20))
    with pytest.raises(InvalidInput, match="NAXIS2 is -20"):
        metrics_of_table(table, score="score", label="id")
    with pytest.raises(InvalidInput, match="NAXIS2 is -20"):
        read_known_lenses(table)


def test_a_file_is_read_again_only_where_its_content_or_an_option_is_another(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(subprocesses, "isolated", lambda *work: asked.append(work) or len(asked))
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "votes.csv").write_text("id,grade\n" + ("1,A\n" if folder == "c" else ""))
    read = [
        subprocesses.isolated_once(read_table, tmp_path / folder / "votes.csv", *options)
        for folder, options in (("a", ()), ("b", ()), ("b", ({"grade": "mark"},)), ("c", ()), ("a", ()))
    ]
    assert read == [1, 1, 2, 3, 1]


def test_packed_files_of_several_streams_are_read_whole():
    first, second = b"a" * 3000, os.urandom(MIB + 17)
    for pack in (gzip.compress, bz2.compress):
        assert unpack(pack(first) + pack(second)) == first + second
        with pytest.raises(EOFError):
            unpack(pack(second)[:-20])


GUARDED = """
import lensapp.ingest.gate.guards as gate
from lensapp.ingest.refusals import Refused
gate.guard_process()
try:
    with gate.reading("the file"):
        {body}
except Refused as refused:
    print(refused.code, refused.reason)
"""


def guarded(body: str) -> str:
    """What comes of decoding `body` in a process of its own, with a second of processor time."""
    environment = os.environ | {"LENSAPP_LIMIT_SECONDS": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", GUARDED.format(body=body)],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return answer.stdout or str(answer.returncode)


@pytest.mark.skipif(sys.platform != "linux", reason="deadlines are set on Linux")
def test_a_decoder_without_end_is_stopped():
    assert "too_slow" in guarded("while True: pass")


@pytest.mark.skipif(sys.platform != "linux", reason="deadlines are set on Linux")
def test_a_c_library_without_end_costs_an_import_only_its_own_candidates():
    body = (
        "from lensapp.ingest.gate.subprocesses import in_order\n"
        "from endless_decoder import doubled\n"
        "print(list(in_order(doubled, [(n,) for n in range(5)], processes=2)))"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "ingest")])
    answer = subprocess.run(
        [sys.executable, "-c", body], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
        env=os.environ | {"LENSAPP_LIMIT_SECONDS": "1", "PYTHONPATH": path},
    )  # fmt: skip
    assert answer.stdout.strip() == "[0, 2, None, 6, 8]", answer.stderr[-2000:]


@pytest.mark.skipif(sys.platform != "linux", reason="memory limits of a process are Linux's")
def test_a_decoder_that_takes_all_memory_is_stopped():
    assert "too_large" in guarded("bytearray(2**31)")


def test_a_decoder_opens_no_connection_and_starts_no_program():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert "another file, address" in guarded(
            f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        )
    assert "another file, address" in guarded("import subprocess; subprocess.run(['true'])")
    assert "another file, address" in guarded("import urllib.request as u; u.urlopen('file:///etc/passwd')")


PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import lensapp.ingest.gate.guards as g, time; g.guard_process(); \
print('up', flush=True); time.sleep(60)"], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_reader_dies_with_its_parent():
    answer = subprocess.run(
        [sys.executable, "-c", PARENT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    process = Path("/proc", answer.stdout.strip(), "stat")
    for _ in range(200):
        if not process.exists() or process.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the reader lives on")


def test_every_limit_is_documented_with_its_variable_and_can_be_changed(monkeypatch):
    text = (ROOT / "docs/reliability.md").read_text()
    for item in fields(Limits):
        assert f"| `{PREFIX}{item.name.upper()}` | {item.default} |" in text
    limits.cache_clear()
    monkeypatch.setenv("LENSAPP_LIMIT_PIXELS", "100")
    assert limits().pixels == 100
    limits.cache_clear()
    monkeypatch.setenv("LENSAPP_LIMIT_PIXELS", "many")
    with pytest.raises(InvalidInput, match="LENSAPP_LIMIT_PIXELS is 'many'"):
        limits()
    monkeypatch.undo()
    limits.cache_clear()


# Mutants: a seeded change of a few bytes, an inserted, a lost or a doubled piece.
MUTANTS = 5 * int(os.environ.get("LENSAPP_TORTURE", "8"))


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        if not data:
            break
        place = int(rng.integers(0, min(len(data), 3200)))
        kind = rng.integers(0, 4)
        if kind == 0:
            data[place] = int(rng.integers(0, 256))
        elif kind == 1:  # digits and signs are where a header hurts
            digits = [spot for spot in range(min(len(data), 2880)) if chr(data[spot]) in "0123456789"]
            data[digits[int(rng.integers(0, len(digits)))] if digits else place] = int(
                rng.choice(list(b"0123456789-"))
            )
        elif kind == 2:
            del data[place : place + int(rng.integers(1, 200))]
        else:
            piece = data[place - place % 80 : place - place % 80 + 80]
            data[place - place % 80 : place - place % 80] = piece
    return bytes(data)


def originals(folder: Path) -> dict[str, bytes]:
    """One small file of each format."""
    plane = cutout(side=16)
    write_fits(folder / "plain.fits", plane)
    scaled = fits.PrimaryHDU((plane * 10).astype(np.int16))
    scaled.header["BSCALE"], scaled.header["BZERO"] = 0.1, 3.0
    scaled.writeto(folder / "scaled.fits")
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(plane, name="SCI")]).writeto(folder / "extension.fits")
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(plane)]).writeto(folder / "tiles.fits.fz")
    (folder / "packed.fits.gz").write_bytes(gzip.compress((folder / "plain.fits").read_bytes()))
    Image.fromarray((plane % 255).astype(np.uint8)).save(folder / "grey.png")
    Image.fromarray((plane % 255).astype(np.uint8)).save(folder / "grey.tif")
    np.save(folder / "array.npy", plane)
    np.savez(folder / "arrays.npz", image=plane)
    hdf5(folder / "arrays.h5", lambda file: file.create_dataset("image", data=plane, compression="gzip"))
    (folder / "table.csv").write_text("id,ra,dec\n" + "\n".join(f"a{n},{n}.5,1.{n}" for n in range(9)))
    (folder / "table.fits").write_bytes(table_bytes())
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def read_mutants(folder: str, name: str, content: bytes, seeds: range) -> list[str]:
    """Read some mutants of one file; say of each what came of it."""
    outcomes = []
    for seed in seeds:
        path = Path(folder, f"{seed}-{name}")
        path.write_bytes(mutate(content, np.random.default_rng(seed)))
        try:
            outcomes.append(read_one(path))
        except (Refused, InvalidInput) as refused:
            outcomes.append("refused" if str(refused) else f"{path.name}: refused without a reason")
        except Exception as error:  # noqa: BLE001 - the point of the test
            outcomes.append(f"{path.name}: {error!r}")
        path.unlink()
    return outcomes


def read_one(path: Path) -> str:
    if "table" in path.name:
        read_table(path)
    elif path.suffix in (".png", ".tif"):
        read_image(path)
    elif path.suffix in (".npy", ".npz", ".h5"):
        arrays = open_arrays(path)
        key = arrays.pixel_key(None)
        arrays.pixels(key, None)
    else:
        with reading("not readable"):
            file = open_fits(path)
            index = single_image(file, ())
            pixels = read_pixels(file, index)
        return compare_with_astropy(path, index, pixels)
    return "read"


def compare_with_astropy(path: Path, index: int, pixels: np.ndarray) -> str:
    try:
        with reading("astropy cannot read it"), fits.open(path, memmap=False) as hdus:
            theirs = np.asarray(hdus[index].data).astype(np.float32)
    except Refused:
        return "read"
    # Astropy scales integers in single precision, so that the last digit may differ.
    same = theirs.size == pixels.size and np.allclose(
        theirs.ravel(), pixels.ravel(), rtol=1e-6, atol=1e-5, equal_nan=True
    )
    return "read" if same else f"{path.name}: other pixels than astropy's"


def test_mutants_are_refused_with_a_reason_or_read_as_astropy_reads_them(tmp_path):
    (tmp_path / "originals").mkdir()
    files = originals(tmp_path / "originals")
    works = [(str(tmp_path), name, content, range(MUTANTS)) for name, content in files.items()]
    results = list(in_order(read_mutants, works, processes=2))
    assert None not in results
    outcomes = [outcome for result in results for outcome in result]
    assert len(outcomes) == MUTANTS * len(files)
    assert set(outcomes) == {"read", "refused"}
