"""An import packs, refuses, stops, is killed and goes on; nothing half-written is readable."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput, JobCancelled, NotFound
from lensapp.ingest import import_run
from lensapp.ingest.gate.subprocesses import in_order, isolated
from lensapp.ingest.importer import discard_import, run_import
from lensapp.ingest.journal import ChunkNote, Journal
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.workspace import Workspace
from support.cutout_files import SIDE, cutout, write_bands, write_fits


@pytest.fixture
def ws(tmp_path):
    return Workspace.open(tmp_path / "ws")


@pytest.fixture
def tree(tmp_path):
    return write_bands(tmp_path / "tree", objects=6)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(import_run, "CHUNK_CANDIDATES", 2)


def spec_of(path, **values):
    return IngestSpec.parse({"path": str(path), **values})


def packed(ws, name):
    return PackedCutouts.open(ws.cutouts_folder(name))


def test_pixels_rows_and_report_of_an_import(ws, tree, small_chunks):
    write_fits(tree / "obj9" / "obj9_g.fits", cutout(900))
    progress = []
    result = run_import(ws, name="survey", spec=spec_of(tree), report=progress.append, processes=2)
    assert result["source"] == "survey"
    assert (result["accepted"], result["bands"], result["shape"]) == (6, ["g", "r", "i"], [SIDE, SIDE])
    assert result["rejected"] == [
        {"file": "obj9/obj9_g.fits", "reason": "missing_band: band r, i is absent; there is g"}
    ]
    source = sources.get_source(ws.database, "survey")
    assert (source.state, source.kind, source.pixel_scale_arcsec) == ("ready", "import", pytest.approx(0.2))
    columns = sources.cutout_columns(
        ws.database, [source.id], columns=("row", "candidate_id", "perceptual_hash")
    )
    assert columns["candidate_id"].tolist() == [f"obj{n}" for n in range(6)]
    pixels = packed(ws, "survey").read(columns["row"])
    assert np.array_equal(pixels[4, ..., 2], cutout(402))
    assert all(len(text) == 16 for text in columns["perceptual_hash"])
    assert source.quality["reasons"] == {"missing_band": 1}
    assert len(source.quality["bands"]["g"]["histogram"]["counts"]) == 100
    assert progress[-1]["fraction"] == 1.0
    assert {"message", "rate", "seconds_left"} <= set(progress[-1])


def test_int16_keeps_the_pixels_to_a_step(ws, tree):
    run_import(ws, name="small", spec=spec_of(tree, dtype="int16"), processes=1)
    found = packed(ws, "small").read(np.array([1]))[0, ..., 0]
    assert np.abs(found - cutout(100)).max() < np.ptp(cutout(100)) / 60_000


def test_holes_are_left_for_rejected_candidates(ws, tree):
    path = tree / "obj1" / "obj1_r.fits"
    path.unlink()
    write_fits(path, np.zeros((SIDE, SIDE), np.float32))
    run_import(ws, name="holes", spec=spec_of(tree), processes=1)
    source = sources.get_source(ws.database, "holes")
    rows = sources.cutout_columns(ws.database, [source.id], columns=("row",))["row"]
    assert rows.tolist() == [0, 2, 3, 4, 5]
    assert [r.code for r in sources.list_rejections(ws.database, source.id)] == ["all_zero"]


def test_a_stopped_import_is_not_readable_and_goes_on_where_it_was(ws, tree, small_chunks):
    with pytest.raises(JobCancelled, match="run it again to continue"):
        run_import(ws, name="s", spec=spec_of(tree), should_stop=lambda: "stop", processes=1)
    assert sources.get_source(ws.database, "s").state == "importing"
    with pytest.raises(NotFound, match="unfinished"):
        packed(ws, "s")
    first = ws.cutouts_folder("s") / "shard-00000.npy"
    made = first.stat().st_ino
    with pytest.raises(InvalidInput, match="same settings"):
        run_import(ws, name="s", spec=spec_of(tree, size=6))
    result = run_import(ws, name="s", spec=spec_of(tree), processes=1)
    assert result["accepted"] == 6
    assert first.stat().st_ino == made
    with pytest.raises(InvalidInput, match="unused name"):
        run_import(ws, name="s", spec=spec_of(tree))


def test_an_unfinished_import_can_be_discarded_and_a_finished_one_not(ws, tree, small_chunks):
    with pytest.raises(JobCancelled):
        run_import(ws, name="s", spec=spec_of(tree), should_stop=lambda: "stop", processes=1)
    discard_import(ws, name="s")
    assert not ws.cutouts_folder("s").exists()
    run_import(ws, name="s", spec=spec_of(tree), processes=1)
    with pytest.raises(InvalidInput, match="is ready"):
        discard_import(ws, name="s")


KILLED = """
import sys, time
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.ingest import import_run
from lensapp.ingest.importer import run_import
from lensapp.storage.workspace import Workspace

if __name__ == "__main__":
    import_run.CHUNK_CANDIDATES = 2
    import_run.REPORT_SECONDS = 0.0
    run_import(Workspace.open(sys.argv[1]), name="killed", spec=IngestSpec(path=sys.argv[2]), processes=1,
               report=lambda progress: (print(progress["fraction"], flush=True), time.sleep(0.2)))
"""


def test_an_import_killed_half_way_resumes_with_the_same_result(ws, tree, tmp_path, small_chunks):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(script), str(ws.folder), str(tree)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment, text=True, start_new_session=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if float(line) > 0:
                break
        os.killpg(child.pid, signal.SIGKILL)
    assert sources.get_source(ws.database, "killed").state == "importing"
    done = len((ws.cutouts_folder("killed") / "journal.jsonl").read_text().splitlines()) - 1
    assert 0 < done < 3
    result = run_import(ws, name="killed", spec=spec_of(tree), processes=1)
    run_import(ws, name="whole", spec=spec_of(tree), processes=1)
    rows = np.arange(6)
    assert result["accepted"] == 6
    assert np.array_equal(packed(ws, "killed").read(rows), packed(ws, "whole").read(rows))
    assert not (ws.cutouts_folder("killed") / "journal.jsonl").exists()


def test_files_that_changed_since_begin_the_import_anew(ws, tree, small_chunks):
    with pytest.raises(JobCancelled):
        run_import(ws, name="s", spec=spec_of(tree), should_stop=lambda: "stop", processes=1)
    write_bands(tree / "more", objects=1)
    for path in (tree / "more" / "obj0").iterdir():
        path.rename(path.with_name(path.name.replace("obj0", "new")))
    result = run_import(ws, name="s", spec=spec_of(tree), processes=1)
    assert result["accepted"] == 6
    assert [entry["reason"].split(":")[0] for entry in result["rejected"]] == ["duplicate_image"]


def test_an_import_without_a_usable_candidate_leaves_the_workspace_as_it_was(ws, tmp_path):
    write_fits(tmp_path / "bad" / "a.fits", np.zeros((SIDE, SIDE), np.float32))
    with pytest.raises(InvalidInput, match=r"all refused, the first \(a.fits\) as all_zero"):
        run_import(ws, name="s", spec=spec_of(tmp_path / "bad", bands=["r"]), processes=1)
    with pytest.raises(InvalidInput, match=r"There are no .* files"):
        run_import(ws, name="s", spec=spec_of(ws.folder), processes=1)
    assert sources.list_sources(ws.database) == []
    assert list((ws.folder / "cutouts").iterdir()) == []


def test_names_that_are_no_folder_names_are_refused(ws, tree):
    with pytest.raises(InvalidInput, match="letters, digits"):
        run_import(ws, name="../x", spec=spec_of(tree), processes=1)
    assert list((ws.folder / "cutouts").iterdir()) == []


def test_a_cut_off_journal_line_is_left_out(tmp_path):
    journal = Journal(tmp_path, "abc")
    journal.start([ChunkNote(0, accepted=2)])
    journal.add(ChunkNote(1, accepted=1, rejected=[("a", "b", "c")]))
    with journal.path.open("a") as file:
        file.write('{"chunk": 2, "acc')
    assert [note.chunk for note in journal.read()] == [0, 1]
    assert Journal(tmp_path, "other").read() is None


def crash(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number


def test_work_that_crashes_its_process_is_reported_and_the_rest_is_done():
    assert list(in_order(crash, [(n,) for n in range(5)], processes=2)) == [0, 1, None, 3, 4]


def test_a_file_that_crashes_its_reader_is_rejected_alone(ws, tree, small_chunks, monkeypatch):
    plain = import_run.in_order
    monkeypatch.setattr(
        import_run, "in_order", lambda function, works, processes: plain(die_at_three, works, processes=1)
    )
    monkeypatch.setattr(import_run, "pack_chunk", die_at_three)
    result = run_import(ws, name="s", spec=spec_of(tree), processes=1)
    assert result["accepted"] == 5
    assert result["rejected"] == [
        {"file": "obj3/obj3_g.fits", "reason": "unreadable: its files crash their decoder"}
    ]


def die_at_three(*work):
    from lensapp.ingest.cutout import pack_chunk

    if any(candidate.candidate_id == "obj3" for candidate in work[-1]):
        os.kill(os.getpid(), signal.SIGSEGV)
    return pack_chunk(*work)


def test_errors_and_crashes_of_an_isolated_call_come_back_as_errors():
    assert isolated(abs, -3) == 3
    with pytest.raises(InvalidInput, match="crashes its decoder"):
        isolated(os.abort)


def test_compressed_files_pack_like_plain_ones(ws, tmp_path):
    data = np.arange(64, dtype=np.int16).reshape(8, 8)
    (tmp_path / "in").mkdir()
    fits.CompImageHDU(data, compression_type="RICE_1").writeto(tmp_path / "in" / "a.fits.fz")
    run_import(ws, name="s", spec=spec_of(tmp_path / "in", bands=["r"]), processes=1)
    assert np.array_equal(packed(ws, "s").read(np.array([0]))[0, ..., 0], data)
