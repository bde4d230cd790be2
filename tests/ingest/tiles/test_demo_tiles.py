"""The tiles of a simulated survey give back what was simulated."""

import json
from pkgutil import resolve_name

import numpy as np
import pytest

from lensapp.__main__ import main
from lensapp.core.errors import InvalidInput
from lensapp.job_kinds import JOB_KINDS
from lensapp.services.data.demo_tiles import TileSpec, write_tiles
from lensapp.services.data.tiled_demo import TiledDemoSpec, start_tiled_demo
from lensapp.simulation.survey import DemoSpec, simulate
from lensapp.storage import sources
from lensapp.storage.cutouts import open_cutouts
from lensapp.storage.tiles.tiled_cutouts import TiledCutouts
from lensapp.storage.workspace import Workspace


def test_a_survey_of_tiles_is_imported_as_it_was_simulated(tmp_path, capsys):
    tiles, options = tmp_path / "tiles", ["--workspace", str(tmp_path / "ws"), "--json"]
    made = ["demo", "--tiles", str(tiles), "--count", "40", "--size", "32", "--tile-count", "2"]
    assert main([*options, *made, "--tile-side", "300"]) == 0
    catalogue = json.loads(capsys.readouterr().out)["catalogue"]
    cut = ["ingest", str(tiles), "--layout", "tiles", "--catalogue", catalogue, "--size", "32"]
    assert main([*options, *cut, "--labels", "label", "--name", "s", "--virtual", "true"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["bands"] == ["g", "r", "i"]
    workspace = Workspace.open(tmp_path / "ws")
    source = sources.get_source(workspace.database, "s")
    columns = sources.cutout_columns(
        workspace.database, [source.id], columns=("candidate_id", "row", "label", "object_class")
    )
    assert len(columns["row"]) == 40
    pixels = open_cutouts(workspace, "s").read(columns["row"])
    batch = simulate(DemoSpec(count=40, size=32))
    truth = {one.candidate_id: (one, image) for one, image in zip(batch.truth, batch.pixels, strict=True)}
    whole = 0
    for index, name in enumerate(columns["candidate_id"]):
        one, image = truth[name]
        assert (columns["label"][index], columns["object_class"][index]) == (one.label, one.object_class)
        within = np.isfinite(pixels[index]) & np.isfinite(image)
        np.testing.assert_array_equal(pixels[index][within], image[within])
        whole += bool(np.isfinite(pixels[index]).all())
    assert 30 < whole < 40


def test_objects_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="do not fit"):
        list(write_tiles(tmp_path / "t", DemoSpec(count=1000), TileSpec(tile_count=1, tile_side=256)))
    assert not (tmp_path / "t").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("kept")
    with pytest.raises(InvalidInput, match="not empty"):
        list(write_tiles(tmp_path / "full", DemoSpec(count=10), TileSpec()))


def test_a_survey_of_tiles_is_made_in_one_job_and_keeps_its_cutouts_in_the_tiles(tmp_path):
    workspace = Workspace.open(tmp_path / "ws")
    spec = TiledDemoSpec(count=12, size=32, tile_count=2, tile_side=256)
    job = start_tiled_demo(workspace, name="sky", spec=spec)
    kind = JOB_KINDS[job.kind]
    assert kind.spec is not None
    saved = resolve_name(kind.spec).parse(job.payload["spec"])
    assert resolve_name(kind.handler)(workspace, name="sky", spec=saved)["accepted"] == 12
    source = sources.get_source(workspace.database, "sky")
    assert (source.state, sources.count_cutouts(workspace.database, source.id)) == (sources.READY, 12)
    assert isinstance(open_cutouts(workspace, "sky"), TiledCutouts)
    assert len(list((workspace.folder / "uploads" / "sky-tiles").glob("*.fits"))) == 2 * 3
    labels = sources.cutout_columns(workspace.database, [source.id], columns=("label",))["label"]
    assert set(labels) == {"lens", "nonlens"}
    with pytest.raises(InvalidInput, match="There is a source 'sky' already"):
        start_tiled_demo(workspace, name="sky", spec=spec)
    crowded = spec.replaced(count=1000)
    with pytest.raises(InvalidInput, match="1000 cutouts of 32 pixels do not fit into 2 tiles"):
        start_tiled_demo(workspace, name="crowded", spec=crowded)
