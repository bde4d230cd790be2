"""A wider look at a candidate: from its tiles, and as other sources show the same sky."""

import base64
import io
import warnings

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image
from starlette.applications import Starlette

from lensapp.core.data import imaging
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.data.pictures import source_levels
from lensapp.services.inspect import surroundings, tokens
from lensapp.services.inspect.gallery import OpenReview
from lensapp.services.inspect.queues import create_review
from lensapp.storage import reviews, sources
from lensapp.storage.records import BlindTest
from lensapp.storage.tiles.tile_images import Tile
from lensapp.storage.tiles.tiled_cutouts import BESIDE, TilePlaces, TileSet, open_tiles, write_tiled
from lensapp.ui.gallery import routes
from lensapp.ui.shared import state
from support.gallery_survey import blobs
from support.small_surveys import pack_source

with warnings.catch_warnings():
    # It would rather have httpx2, which nothing else here needs.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

SIZE, LEFT, BOTTOM = 8, [40, 2], [30, 60]  # the second reaches beyond the tile when it is wider


@pytest.fixture
def ws(tmp_path, monkeypatch):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "ws"))
    monkeypatch.delenv("LENSAPP_DATABASE_URL", raising=False)
    return state.get_workspace()


@pytest.fixture
def sky(ws, tmp_path):
    """A source cut from one tile, packed with its places beside it; and the pixels of the tile."""
    tile = np.random.default_rng(2).normal(5, 1, (90, 90)).astype(np.float32)
    fits.PrimaryHDU(tile).writeto(tmp_path / "tile.fits")
    cut = [tile[y : y + SIZE, x : x + SIZE] for x, y in zip(LEFT, BOTTOM, strict=True)]
    facing = {"north_deg": 0.0, "east_left": True}
    rows = [
        {"row": row, "candidate_id": f"c{row}", "ra_deg": 150.0 + row, "dec_deg": 2.0, "properties": facing}
        for row in range(2)
    ]
    source = pack_source(ws, "sky", np.array(cut)[..., None], rows, bands=("g",), zero_point=None)
    size = (tmp_path / "tile.fits").stat().st_size
    described = Tile(path=str(tmp_path / "tile.fits"), hdu=0, height=90, width=90, file_bytes=size)
    places = TilePlaces(
        np.zeros((2, 1), np.int32), np.array(LEFT, np.int32)[:, None], np.array(BOTTOM, np.int32)[:, None], {}
    )
    write_tiled(
        ws.cutouts_folder("sky") / BESIDE, bands=("g",), size=SIZE, tiles=TileSet(tiles=(described,)),
        places=places, tile_scales=np.array([np.nan]),
    )  # fmt: skip
    return source, tile


def look(ws, source, **more):
    spec = ReviewSpec(order="given", limit=10, **more)
    return create_review(ws, name="look", source_name=source.name, run_name=None, spec=spec)


def picture_of(view):
    data = base64.b64decode(view["picture"].removeprefix("data:image/webp;base64,"))
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image).astype(int)


def test_the_wider_field_is_that_of_the_tile_masked_beyond_its_edge(ws, sky):
    _, tile = sky
    wide = open_tiles(ws.cutouts_folder("sky")).read_wider(np.array([0, 1]), times=3)[..., 0]
    np.testing.assert_array_equal(wide[0], tile[22:46, 32:56])
    assert np.isnan(wide[1, :, :6]).all()
    np.testing.assert_array_equal(wide[1, :, 6:], tile[52:76, 0:18])


def test_a_candidate_is_shown_in_the_wider_field_that_surrounds_it(ws, sky):
    source, tile = sky
    review = look(ws, source)
    token = tokens.issue_token(ws, review=review, inspector="ada")
    first = reviews.queue_of(ws.database, review.id).tolist()[0]
    with TestClient(Starlette(routes=routes.ROUTES), headers={"x-token": token}) as client:
        answer = client.get(f"{routes.API}/around?ids={first}&stretch=linear").json()
        assert client.get(f"{routes.API}/around?ids={first}-{first}").status_code == 400
        assert client.get(f"{routes.API}/around?ids=987654").status_code == 400
    [view] = answer["views"]
    assert (view["label"], view["north_deg"], answer["note"]) == ("sky, 3 times wider, 4.8″", 0.0, "")
    np.testing.assert_allclose(view["box"], [0.5, 0.5, 1 / 3])
    display = imaging.DisplaySpec(stretch="linear")
    expected = imaging.render(
        tile[None, 22:46, 32:56, None], bands=("g",), stretch=display, levels=source_levels(ws, source)
    )
    assert np.abs(picture_of(view) - expected[0]).mean() < 6  # but for the losses of WebP


def test_a_painted_lens_stays_in_the_wider_field_and_other_sources_do_not_give_it_away(ws, sky):
    source, tile = sky
    review = look(ws, source)
    opened = OpenReview(ws, review)
    host = reviews.queue_of(ws.database, review.id).tolist()[0]
    painted = np.full((1, SIZE, SIZE, 1), 500.0, np.float32)
    test = BlindTest(cutout_id=host, review_id=review.id, kind="lens", pixels_of=None, score=None,
                     truth={"host": host})  # fmt: skip
    opened.__dict__ |= {"blind_tests": {host: test}, "pixels": lambda ids: painted}
    other = {"row": 0, "candidate_id": "o", "ra_deg": 150.0, "dec_deg": 2.0}
    pack_source(ws, "other", blobs(1), [other])
    answer = surroundings.surroundings(opened, 1)
    [view] = answer["views"]
    assert "blind tests" in answer["note"]
    middle = picture_of(view)[8:16, 8:16]
    assert middle.mean() > 240 > picture_of(view)[:6].mean() + 100
    assert not np.isnan(tile).any()


def test_other_sources_show_the_same_sky_with_the_candidates_place_in_it(ws):
    facing = {"north_deg": 90.0, "east_left": True}  # north to the left, east down
    here = {"row": 0, "candidate_id": "a", "ra_deg": 150.0, "dec_deg": 0.0}
    source = pack_source(ws, "ground", blobs(1), [here], pixel_scale_arcsec=0.25)  # 4 arcsec
    east_by_1 = {**here, "ra_deg": 150.0 - 1 / 3600, "properties": facing}  # so that the candidate is east
    pack_source(ws, "space", blobs(1, size=100), [east_by_1], pixel_scale_arcsec=0.1)  # 10 arcsec
    far = {**here, "ra_deg": 150.0 + 6 / 3600}
    pack_source(ws, "far", blobs(1, size=100), [far], pixel_scale_arcsec=0.1)
    unfinished = pack_source(ws, "coarse", blobs(1), [here], pixel_scale_arcsec=5.0)
    assert sources.get_source(ws.database, "coarse").id == unfinished.id
    opened = OpenReview(ws, look(ws, source))
    answer = surroundings.surroundings(opened, int(opened.queue[0]))
    assert [view["label"] for view in answer["views"]] == ["space, 10″", "coarse, 80″"]
    np.testing.assert_allclose(answer["views"][0]["box"], [0.5, 0.6, 0.4], atol=1e-6)
    assert answer["views"][1]["box"] is None


def test_it_is_said_where_nothing_wider_is_known(ws):
    row = {"row": 0, "candidate_id": "a", "ra_deg": 150.0, "dec_deg": 0.0}
    source = pack_source(ws, "alone", blobs(1), [row])
    opened = OpenReview(ws, look(ws, source))
    answer = surroundings.surroundings(opened, int(opened.queue[0]))
    assert answer == {"views": [], "note": surroundings.NOTHING}


def test_a_look_around_is_offered_where_tiles_or_another_source_show_something(ws, sky):
    [tiled, *_] = sources.get_cutouts(ws.database, [1])
    assert not surroundings.why_nothing_around(ws, tiled)
    place = {"ra_deg": 30.0, "dec_deg": -5.0, "properties": {}}
    row = {"row": 0, "candidate_id": "alone"} | place
    pixels = np.ones((1, SIZE, SIZE, 1), np.float32)
    pack_source(ws, "alone", pixels, [row], bands=("g",), zero_point=None)
    alone = sources.get_cutouts(ws.database, [3])[0]
    assert surroundings.why_nothing_around(ws, alone) == surroundings.NOTHING, "none other shows its position"
    pack_source(ws, "beside", pixels, [row], bands=("g",), zero_point=None)
    assert surroundings.surroundings_of(ws, alone, own=pixels)["views"]
    assert not surroundings.why_nothing_around(ws, alone)
    assert surroundings.why_nothing_around(ws, alone, with_others=False) == surroundings.BLIND
