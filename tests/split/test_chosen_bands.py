"""Bands chosen at the split: their pixels reach the network; scoring picks them by name."""

from pathlib import Path

import numpy as np
import pytest

from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.split.splits import SplitSpec
from lensapp.learning.feed.dataset_parts import dataset_part
from lensapp.learning.score.scoring import score_source
from lensapp.services.split.datasets import freeze_split
from lensapp.storage import runs, sources
from lensapp.storage.cutouts import open_cutouts, open_in_unit
from lensapp.storage.scores.stored_scores import scores_of
from lensapp.storage.workspace import Workspace
from support.scoring_workspace import add_source, train_tiny
from support.small_surveys import pack_source

GRIZ = ("g", "r", "i", "z")


def pack(ws: Workspace, name: str, bands: tuple[str, ...], pixels: np.ndarray, *, first: int = 0) -> None:
    cutouts = [
        {"row": k, "candidate_id": f"{name}-{k}", "label": ("lens", "nonlens")[k % 2],
         "ra_deg": 10.0 + first + k, "dec_deg": 0.0}
        for k in range(len(pixels))
    ]  # fmt: skip
    pack_source(ws, name, pixels, cutouts, bands=bands)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """Two sources whose pixels say of which band they are: 100 in g, 200 in r, 300 in i, 400 in z."""
    workspace = Workspace.open(tmp_path / "w")
    flux = {"g": 100.0, "r": 200.0, "i": 300.0, "z": 400.0}
    for number, (name, bands) in enumerate((("wide", GRIZ), ("deep", ("z", "i", "g")))):
        row = np.arange(12, dtype=np.float32)[:, None, None, None]
        levels = np.array([flux[band] for band in bands], np.float32)
        pixels = np.broadcast_to(row + levels, (12, 8, 8, len(bands)))
        pack(workspace, name, bands, np.ascontiguousarray(pixels), first=50 * number)
    return workspace


def chosen(*bands: str) -> SplitSpec:
    return SplitSpec(bands=bands, near_duplicate_bits=0)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_the_network_sees_the_chosen_bands_in_their_order_from_every_source(ws, part):
    dataset = freeze_split(ws, source_names=["wide", "deep"], spec=chosen("i", "g"))
    assert dataset.bands == ("i", "g")
    cutouts = dataset_part(ws, dataset, part)
    assert cutouts.bands == ("i", "g")
    pixels = cutouts.cutouts.read(cutouts.rows)
    assert pixels.shape[1:] == (8, 8, 2)
    row = pixels[:, 0, 0, 1] - 100.0  # g is 100 and the number of the row
    np.testing.assert_array_equal(row, np.round(row))
    np.testing.assert_array_equal(pixels, np.broadcast_to(
        row[:, None, None, None] + np.array([300.0, 100.0], np.float32), pixels.shape
    ))  # fmt: skip


def test_without_a_choice_sources_of_other_bands_are_refused_as_before(ws):
    with pytest.raises(BandMismatch, match="differ in bands"):
        freeze_split(ws, source_names=["wide", "deep"], spec=chosen())
    assert freeze_split(ws, source_names=["wide"], spec=chosen()).bands == GRIZ


def test_a_band_that_a_source_lacks_and_one_named_twice_are_refused(ws):
    with pytest.raises(BandMismatch, match="deep has no band r; it has z, i, g"):
        freeze_split(ws, source_names=["wide", "deep"], spec=chosen("g", "r"))
    with pytest.raises(InvalidInput, match="named twice"):
        SplitSpec.parse({"bands": ["g", "g"]})


def test_calibrated_pixels_are_those_of_the_chosen_bands(ws):
    folder = ws.cutouts_folder("wide")
    rows = np.array([3, 7])
    every = open_in_unit(folder, 2.0).read(rows)
    np.testing.assert_array_equal(open_in_unit(folder, 2.0, ("z", "g")).read(rows), every[..., [3, 0]])
    assert open_in_unit(folder, 2.0, GRIZ).bands == GRIZ


def test_scoring_picks_the_bands_of_the_network_by_name(tmp_path):
    trained = train_tiny(tmp_path / "w")
    ws = trained.workspace
    own = open_cutouts(ws, "field").read(np.arange(1, 13))
    rng = np.random.default_rng(5)
    wider = np.stack([rng.normal(size=own.shape[:3]), own[..., 1], own[..., 0]], axis=-1).astype(np.float32)
    pack(ws, "wider", ("z", "r", "g"), wider)
    pack(ws, "same", ("g", "r"), own)
    for name in ("wider", "same"):
        score_source(ws, run_name="first", source_name=name)
    run = runs.get_run(ws.database, "first")
    scores = [
        scores_of(ws, run.id, sources.get_source(ws.database, name).id)[1] for name in ("wider", "same")
    ]
    np.testing.assert_array_equal(*scores)
    assert np.ptp(scores[0]) > 0.01
    add_source(ws, "narrow", bands=("g", "z"))
    with pytest.raises(BandMismatch, match="trained on the bands g,r, but these cutouts have g,z"):
        score_source(ws, run_name="first", source_name="narrow")
