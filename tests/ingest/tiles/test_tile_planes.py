"""Noise maps, weights and PSFs of tiles go with their cutouts; cutouts have a size of each object's own."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from survey_tiles import DEC, RA, make_survey, projection, write_tile

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.catalogue_match import Joiner
from lensapp.ingest.cutout import read_blocks
from lensapp.ingest.journal import ChunkNote
from lensapp.ingest.plan import make_plan
from lensapp.ingest.planes_beside import read_planes
from lensapp.storage.tiles.tiled_cutouts import write_tiled

SIZE = 16


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """Tiles in g with an RMS file and a PSF file each; those in r hold a weight HDU beside the flux."""
    made = make_survey(tmp_path_factory.mktemp("planes"), side=200, objects=20)
    rng = np.random.default_rng(4)
    planes = {}
    for name in sorted(made.pixels):
        path = made.folder / name
        stem = name.removesuffix(".fits")
        if stem.endswith("_g"):
            planes[name] = rng.uniform(1, 2, (200, 200)).astype(np.float32)
            fits.PrimaryHDU(planes[name]).writeto(made.folder / f"{stem}_rms.fits")
            psf = np.zeros((7, 7), np.float32)
            psf[3, 3] = 1 + int(stem[5])
            fits.PrimaryHDU(psf).writeto(made.folder / f"{stem}_psf.fits")
        else:
            planes[name] = rng.uniform(1, 2, (200, 200)).astype(np.float32)
            with fits.open(path) as hdus:
                flux = fits.PrimaryHDU(hdus[0].data.copy(), hdus[0].header)
            weight = fits.ImageHDU(planes[name], name="WEIGHT")
            fits.HDUList([flux, weight]).writeto(path, overwrite=True)
    return made, planes


def plan_of(survey, **values):
    usual = {"path": str(survey.folder), "layout": "tiles", "catalogue": str(survey.catalogue), "size": SIZE}
    return make_plan(IngestSpec.parse(usual | values))


def squares(plan, pixels, band):
    """What the tiles hold at the places of the candidates, by plain slicing; NaN beyond the edge."""
    made = []
    for candidate in plan.candidates:
        _, left, bottom = candidate.place.squares[band]
        framed = np.pad(pixels[candidate.files[band]], SIZE, constant_values=np.nan)
        made.append(framed[bottom + SIZE : bottom + 2 * SIZE, left + SIZE : left + 2 * SIZE])
    return np.array(made)


def test_planes_beside_tiles_are_cut_out_with_their_cutouts_packed_or_virtual(survey, tmp_path):
    made, planes = survey
    plan = plan_of(made)
    assert [(one.word, one.kind, one.height) for one in plan.recipe.beside] == [
        ("psf", "PSF", 7),
        ("rms", "noise", SIZE),
        ("weight", "weight", SIZE),
    ]
    assert "rms (noise; 2 of 4 tiles)" in " ".join(plan.warnings)
    packed = read_planes(plan.recipe, list(plan.candidates))
    np.testing.assert_array_equal(packed["rms"][..., 0], squares(plan, planes, 0))
    np.testing.assert_array_equal(packed["weight"][..., 1], squares(plan, planes, 1))
    assert np.isnan(packed["rms"][..., 1]).all()
    fields = [1 + int(candidate.files[0][5]) for candidate in plan.candidates]
    np.testing.assert_array_equal(packed["psf"][:, 3, 3, 0], fields)
    assert (packed["psf"][:, :, :, 0].sum((1, 2)) == fields).all()
    virtual = write_tiled(
        tmp_path / "virtual", bands=plan.recipe.bands, size=SIZE, tiles=plan.recipe.tiles,
        places=plan.candidates.places, tile_scales=np.array(plan.recipe.tile_scales),
    )  # fmt: skip
    assert set(virtual.planes) == {"psf", "rms", "weight"}
    for word, expected in packed.items():
        np.testing.assert_array_equal(virtual.read_plane(word, np.arange(len(expected))), expected)


def test_planes_are_left_out_where_they_are_not_asked_for_or_do_not_fit(survey):
    made, _ = survey
    assert plan_of(made, keep_planes=False).recipe.beside == ()


def uniform_survey(folder, *, scale=0.25):
    """One tile of one flux per pixel and one noise per pixel, and objects with sizes of their own."""
    folder.mkdir()
    header = projection(side=200, scale_arcsec=scale, rotation_deg=0.0, sip=False)
    write_tile(folder / "a_g.fits", header, np.full((200, 200), 3.0, np.float32))
    fits.PrimaryHDU(np.full((200, 200), 2.0, np.float32)).writeto(folder / "a_g_rms.fits")
    table = Table({"id": ["small", "same", "large", "none"], "ra": np.full(4, RA), "dec": np.full(4, DEC)})
    table["ra"] += np.arange(4) * 2e-4
    table["diameter_pixel"] = [8.0, 16.0, 48.0, np.nan]
    table["diameter_arcsec"] = [2.0, 4.0, 12.0, np.nan]
    table["extent"] = [1.0, 1.0, 1.0, 1.0]
    table.write(folder.parent / "own.csv")
    return {"path": str(folder), "layout": "tiles", "catalogue": str(folder.parent / "own.csv")}


@pytest.mark.parametrize("column", ["diameter_pixel", "diameter_arcsec"])
def test_each_object_has_the_field_of_its_column_at_one_size_with_its_scale_kept(tmp_path, column):
    spec = IngestSpec.parse(uniform_survey(tmp_path / "tiles") | {"size": SIZE, "size_column": column})
    plan, note = make_plan(spec), ChunkNote(0)
    assert [(one.file, one.code) for one in plan.rejections] == [("none", "bad_size")]
    scales = {"small": 0.125, "same": 0.25, "large": 0.75}  # arcsec: a half, one and three of the tile's
    outcomes, pixels = next(read_blocks(plan.recipe, list(plan.candidates)))
    planes = read_planes(plan.recipe, list(plan.candidates))["rms"]
    for row, candidate in enumerate(plan.candidates):
        scale = scales[candidate.candidate_id]
        columns = Joiner(plan, spec).columns(row, candidate, outcomes_with(outcomes[row], candidate), note)
        assert columns["properties"]["pixel_scale_arcsec"] == pytest.approx(scale, rel=1e-4)
        area = (scale / 0.25) ** 2
        np.testing.assert_allclose(pixels_of(plan, candidate), 3.0 * area, rtol=1e-3)
        np.testing.assert_allclose(planes[row], 2.0 * area**0.5, rtol=1e-3)  # of independent pixels' sum
    assert plan.pixel_scale_arcsec == pytest.approx(0.25, rel=1e-4)
    assert "0.125 to 0.75 arcsec" in " ".join(plan.warnings)
    assert "other_pixel_scale" not in note.counts
    assert pixels.shape[1:] == (SIZE, SIZE, 1)


def outcomes_with(outcome, candidate):
    """The outcome of a candidate; a constant image is refused as such, and has a pointing all the same."""
    from lensapp.ingest.cutout import Prepared

    return (
        outcome if isinstance(outcome, Prepared) else Prepared("", 0.0, ((0, 0),), candidate.place.pointing)
    )


def pixels_of(plan, candidate):
    from lensapp.ingest.formats.readers import read_candidate

    return read_candidate(plan.recipe, candidate).planes[0]


def test_a_column_of_sizes_whose_unit_nothing_tells_is_asked_about(tmp_path):
    values = uniform_survey(tmp_path / "tiles") | {"size": SIZE, "size_column": "extent"}
    with pytest.raises(InvalidInput, match="--size-unit"):
        make_plan(IngestSpec.parse(values))
    with pytest.raises(InvalidInput, match="No row has a size"):
        make_plan(IngestSpec.parse(values | {"size_unit": "pixels"}))
    with pytest.raises(InvalidInput, match="needs the size in pixels"):
        IngestSpec.parse({**values, "size": None})
