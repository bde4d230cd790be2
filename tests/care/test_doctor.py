"""Each kind of damage is seen and told with its remedy; mending removes only what nobody needs."""

import json
import os
import sqlite3
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lensapp.cli import main
from lensapp.services.care.doctor import examine
from lensapp.storage import datasets, runs, sources, tables
from lensapp.storage.care.trail import WORKSPACE, read_trail
from lensapp.storage.workspace import Workspace
from support.small_surveys import make_survey

LONG_AGO = time.time() - 86_400


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    workspace = Workspace.open(tmp_path / "w")
    source = make_survey(workspace, name="sky", count=4)
    dataset = datasets.create_dataset(
        workspace.database, name="v1", source_ids=[source.id], bands=source.bands, spec={}, counts={},
        checksum="0" * 64, members=[],
    )  # fmt: skip
    runs.create_run(workspace.database, name="first", dataset_id=dataset.id, model="elu_cnn", spec={})
    workspace.run_folder("first").mkdir()
    with zipfile.ZipFile(workspace.run_folder("first") / "best.keras", "w") as network:
        network.writestr("model.weights.h5", b"weights " * 100)
    set_digests(workspace)
    workspace.secret()
    return workspace


def set_digests(ws: Workspace) -> None:
    """Give each cutout the digest that an import gives it: XXH3 of its bytes, seeded by its shape."""
    from xxhash import xxh3_128_hexdigest

    pixels = np.load(ws.cutouts_folder("sky") / "shard-00000.npy")
    seed = (8 << 40) ^ (8 << 16) ^ 3
    with ws.database.write() as connection:
        for row, image in enumerate(pixels):
            digest = xxh3_128_hexdigest(image.tobytes(), seed)
            connection.execute(
                tables.cutouts.update().where(tables.cutouts.c.row == row).values(pixels_digest=digest)
            )


def flip(path: Path, place: int) -> None:
    """Change one bit of a file as a disk does: its date stays."""
    dates = path.stat()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))


def told(ws: Workspace, **options: bool) -> list[tuple[str, str]]:
    found = examine(ws, **options)
    assert found["healthy"] == (not found["findings"])
    assert all(one["remedy"].endswith(".") for one in found["findings"])
    return [(one["check"], one["what"]) for one in found["findings"]]


def test_a_sound_workspace_is_healthy(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(ws) == []
    assert main(["--workspace", str(ws.folder), "doctor", "--quick", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["healthy"] is True


def test_one_changed_bit_of_pixels_networks_or_anything_else_is_seen(ws: Workspace) -> None:
    (ws.exports_folder / "c.csv").write_text("id,grade\n1,A\n")
    assert told(ws) == []
    flip(ws.cutouts_folder("sky") / "shard-00000.npy", 128 + 2 * 8 * 8 * 3 * 4 + 50)  # within row 2
    flip(ws.run_folder("first") / "best.keras", 100)
    flip(ws.exports_folder / "c.csv", 3)
    assert told(ws) == told(ws) == [
        ("pixels", "1 cutouts of sky have other pixels than were imported (sky-<b>2</b>)."),
        ("networks", "The network of first is damaged (model.weights.h5 in it has another checksum)."),
        *(
            ("checksums", f"{path} has other bytes than before though nobody has written to it.")
            for path in ("cutouts/sky/shard-00000.npy", "exports/c.csv", "runs/first/best.keras")
        ),
    ]  # fmt: skip


def test_what_a_program_writes_anew_is_no_damage(ws: Workspace) -> None:
    (ws.exports_folder / "c.csv").write_text("1")
    assert told(ws) == []
    (ws.exports_folder / "c.csv").write_text("2")
    assert told(ws) == []


def test_lost_pixels_networks_and_unfinished_imports_are_told(ws: Workspace) -> None:
    sources.create_source(
        ws.database, name="half", kind="import", bands=("g",), height=8, width=8, slots=1,
        pixel_scale_arcsec=None, spec={},
    )  # fmt: skip
    (ws.cutouts_folder("sky") / "shard-00000.npy").unlink()
    runs.update_run(ws.database, runs.get_run(ws.database, "first").id, state="finished")
    (ws.run_folder("first") / "best.keras").unlink()
    ws.run_folder("first").rmdir()
    pixels, unfinished, network = told(ws, quick=True)
    assert pixels[0] == "pixels"
    assert "shard-00000.npy cannot be read" in pixels[1]
    assert unfinished == ("orphans", "The import of half was never finished.")
    assert network == ("networks", "The folder of the run first is gone.")


def test_rows_that_refer_to_none_and_a_broken_file_are_told(ws: Workspace) -> None:
    file = ws.folder / "workspace.db"
    with sqlite3.connect(file) as connection:  # without foreign keys, as other programs open it
        connection.execute("DELETE FROM datasets")
    connection.close()
    assert told(ws, quick=True) == [
        ("database", "The database: 1 rows of runs refer to rows of datasets that do not exist.")
    ]


def test_mending_removes_old_leftovers_and_puts_orphans_aside(ws: Workspace) -> None:
    young, old = (ws.folder / "runs" / f".a.{n}.partial.npy" for n in (1, 2))
    lost = ws.folder / "cutouts" / "lost"
    lost.mkdir()
    (lost / "shard-00000.npy").write_bytes(b"pixels")
    for path in (young, old):
        path.write_bytes(b"half")
    (ws.folder / "token.secret").chmod(0o644)
    for path in (old, lost):
        os.utime(path, (LONG_AGO, LONG_AGO))
    checks = [check for check, _ in told(ws)]
    assert checks == ["leftovers", "orphans", "secret"]
    mended = examine(ws, mend=True)
    assert [one["check"] for one in mended["mended"]] == checks
    assert mended["healthy"]
    trail = read_trail(ws.database, limit=5, kind=WORKSPACE)
    assert [(row["did"], row["name"]) for row in trail[:4]] == [*[("mended", "w")] * 3, ("examined", "w")]
    assert trail[1]["detail"].startswith("cutouts/lost belongs to no source. Put it in the trash")
    assert (trail[3]["detail"], trail[4]["detail"].partition(":")[0]) == ("sound", "3 findings")
    assert (young.exists(), old.exists(), lost.exists()) == (True, False, False)
    (kept,) = (ws.folder / "trash" / "orphans").iterdir()
    assert (kept / "shard-00000.npy").read_bytes() == b"pixels"
    assert (ws.folder / "token.secret").stat().st_mode & 0o777 == 0o600
