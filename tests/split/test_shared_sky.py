"""Parts that show the same sky: hand-placed cutouts, half an image being 15″."""

import numpy as np
import pytest

from lensapp.core.split.splits import CutoutTable, SplitSpec
from lensapp.services.split.shared_sky import NEIGHBOURS, SkyTree, shared_sky_notes
from lensapp.storage.records import Source

ARCSEC = 1 / 3600


def source(*, side: int = 120, scale: float | None = 0.25) -> Source:
    return Source(
        id=1, name="ps1", kind="import", bands=("g",), height=side, width=side, slots=4,
        pixel_scale_arcsec=scale, spec={}, state="ready", quality={}, created_at=0.0,
    )  # fmt: skip


def table(dec_deg: list[float]) -> CutoutTable:
    none = np.full(len(dec_deg), None, object)
    names = np.array([f"c{k}" for k in range(len(dec_deg))], object)
    return CutoutTable(none, names, none, none, np.full(len(dec_deg), 150.0), np.array(dec_deg), none, none)


# The middle of the second image lies 14″ from a training one, that of the third 16″, the fourth has no place.
PLACES = SkyTree.of(table([0.0, 14 * ARCSEC, -16 * ARCSEC, np.nan]))
PART = np.array(["train", "test", "validation", "test"], object)


def test_images_that_show_the_middle_of_a_training_cutout_are_counted():
    [note] = shared_sky_notes([source()], PLACES, PART, SplitSpec())
    assert note.startswith("1 validation and test cutouts show the middle of a training cutout")
    assert "closer than 15″" in note
    assert "radius of 10″" in note
    [note] = shared_sky_notes([source(side=160)], PLACES, PART, SplitSpec())  # half an image is 20″
    assert note.startswith("2 ")


@pytest.mark.parametrize(
    ("used", "spec"),
    [
        (source(), SplitSpec(group_radius_arcsec=15.0)),  # as far as the radius reaches they are in one part
        (source(side=80), SplitSpec()),
        (source(side=100), SplitSpec()),  # 12.5″: none is as near
    ],
)
def test_nothing_is_said_where_no_image_shows_another(used, spec):
    assert shared_sky_notes([used], PLACES, PART, spec) == ()


def test_without_a_pixel_scale_it_is_said_that_none_can_know():
    [note] = shared_sky_notes([source(scale=None)], PLACES, PART, SplitSpec())
    assert note.startswith("ps1: no pixel scale is known")
    assert shared_sky_notes([source(scale=None)], SkyTree.of(table([np.nan] * 4)), PART, SplitSpec()) == ()


def test_a_training_cutout_behind_a_crowd_of_others_is_found():
    crowd = 2 * NEIGHBOURS
    sky = SkyTree.of(table([*np.linspace(0.0, 1.0, crowd) * ARCSEC, np.nan, 14 * ARCSEC, 60 * ARCSEC]))
    part = np.array([*["test"] * crowd, "train", "train", "train"], object)
    [note] = shared_sky_notes([source()], sky, part, SplitSpec())
    assert note.startswith(f"{crowd} ")
