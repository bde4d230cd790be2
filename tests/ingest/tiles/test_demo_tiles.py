"""The tiles of a simulated survey give back what was simulated."""

import json

import numpy as np
import pytest

from lensapp.__main__ import main
from lensapp.core.errors import InvalidInput
from lensapp.services.data.demo_tiles import TileSpec, write_tiles
from lensapp.simulation.survey import DemoSpec, simulate
from lensapp.storage import sources
from lensapp.storage.cutouts import open_cutouts
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
