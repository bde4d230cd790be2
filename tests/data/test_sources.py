"""The use cases of sources: dry run, start, quality, pixels."""

import numpy as np
import pytest

from lensapp import jobs
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.ingest.importer import run_import
from lensapp.ingest.preview import preview_import
from lensapp.services.data.sources import (
    describe_preview,
    discard_unfinished,
    ready_sources,
    rejections,
    start_import,
    unfinished_imports,
)
from lensapp.storage import sources
from lensapp.storage.cutouts import read_cutouts
from lensapp.storage.workspace import Workspace
from support.cutout_files import SIDE, cutout, write_bands


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    folder = tmp_path_factory.mktemp("surveys")
    ws = Workspace.open(folder / "ws")
    run_import(ws, name="a", spec=IngestSpec(path=str(write_bands(folder / "a", objects=3))), processes=1)
    larger = write_bands(folder / "b", objects=2, side=10)
    run_import(ws, name="b", spec=IngestSpec(path=str(larger)), processes=1)
    return ws


def test_a_dry_run_shows_images_and_writes_nothing(tmp_path):
    tree = write_bands(tmp_path / "tree", objects=3)
    (tree / "obj2" / "obj2_i.fits").unlink()
    before = sorted(tmp_path.rglob("*"))
    found = preview_import(IngestSpec(path=str(tree)))
    assert (found.candidates, found.accepted, found.complete) == (2, 2, True)
    assert found.images.shape == (2, SIDE, SIDE, 3)
    assert found.image_ids == ["obj0", "obj1"]
    assert np.array_equal(found.images[1, ..., 0], cutout(100))
    assert sorted(tmp_path.rglob("*")) == before
    described = describe_preview(found)
    assert described["rejected"][0]["reason"].startswith("missing_band")


def test_a_large_folder_is_sampled(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(400, 2, SIDE, SIDE)).astype(np.float32))
    found = preview_import(IngestSpec(path=str(tmp_path), bands=("g", "r")))
    assert (found.candidates, found.sampled, found.complete) == (400, 256, False)
    assert len(found.images) == 24


def test_an_import_is_queued_with_absolute_paths(ws, tmp_path, monkeypatch):
    write_bands(tmp_path / "tree", objects=1)
    monkeypatch.chdir(tmp_path)
    job = start_import(ws, name="later", spec=IngestSpec(path="tree"))
    assert (job.kind, job.payload["name"]) == ("ingest", "later")
    assert job.payload["spec"]["path"] == str(tmp_path / "tree")
    jobs.stop(ws.database, job.id)


def test_a_taken_name_and_an_absent_path_are_refused_before_queueing(ws, tmp_path):
    with pytest.raises(InvalidInput, match="already"):
        start_import(ws, name="a", spec=IngestSpec(path=str(tmp_path)))
    with pytest.raises(InvalidInput, match="does not exist"):
        start_import(ws, name="c", spec=IngestSpec(path=str(tmp_path / "absent")))


def test_pixels_come_in_the_order_of_the_ids(ws):
    source = sources.get_source(ws.database, "a")
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"].tolist()
    pixels = read_cutouts(ws, [ids[2], ids[0]])
    assert np.array_equal(pixels[0, ..., 1], cutout(201))
    assert np.array_equal(pixels, read_cutouts(ws, ids)[[2, 0]])
    assert read_cutouts(ws, []).shape == (0, 0, 0, 0)
    with pytest.raises(NotFound, match=f"no cutout with the number {10**9}"):
        read_cutouts(ws, [ids[2], 10**9])


def test_cutouts_of_different_shapes_are_not_read_together(ws):
    both = [sources.get_source(ws.database, name).id for name in ("a", "b")]
    ids = sources.cutout_columns(ws.database, both, columns=("id",))["id"].tolist()
    with pytest.raises(InvalidInput, match="cannot be read together"):
        read_cutouts(ws, ids)


def test_the_quality_of_a_source_is_told_per_band(ws):
    source = sources.get_source(ws.database, "a")
    report = source.quality
    assert (report["accepted"], report["rejected"]) == (3, 0)
    assert set(report["bands"]) == {"g", "r", "i"}
    assert report["bands"]["g"]["quantiles"]["1"] > report["bands"]["g"]["quantiles"]["0.5"]
    assert rejections(ws, source) == []


def test_an_import_that_ended_early_is_listed_and_can_be_discarded(ws):
    spec = IngestSpec(path=sources.get_source(ws.database, "a").spec["path"])
    sources.create_source(
        ws.database, name="half", kind="import", bands=("g",), height=8, width=8, slots=1,
        pixel_scale_arcsec=None, spec=spec.saved(),
    )  # fmt: skip
    assert [source.name for source in unfinished_imports(ws)] == ["half"]
    assert "half" not in [source.name for source in ready_sources(ws)]
    job = start_import(ws, name="half", spec=spec)
    assert unfinished_imports(ws) == []
    with pytest.raises(InvalidInput, match="Stop its job"):
        discard_unfinished(ws, name="half")
    jobs.stop(ws.database, job.id)
    discard_unfinished(ws, name="half")
    assert unfinished_imports(ws) == []
    with pytest.raises(InvalidInput, match="only unfinished"):
        discard_unfinished(ws, name="a")
    with pytest.raises(NotFound, match="no source"):
        discard_unfinished(ws, name="absent")
