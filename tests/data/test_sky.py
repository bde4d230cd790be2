"""Positions: separations, neighbours and matches everywhere on the sphere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.core.data import sky
from lensapp.core.errors import InvalidInput
from lensapp.services.data.sky_maps import closest_rows, galactic_plane_of


def test_separations_equal_astropys() -> None:
    from astropy.coordinates import SkyCoord

    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
    near_ra, near_dec = ra + rng.normal(0, 1e-3, 200), np.clip(dec + rng.normal(0, 1e-3, 200), -90, 90)
    theirs = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(near_ra, near_dec, unit="deg")).arcsec
    np.testing.assert_allclose(sky.separation_arcsec(ra, dec, near_ra, near_dec), theirs, rtol=1e-7)


def test_neighbours_across_right_ascension_zero_are_one_group() -> None:
    groups = sky.sky_groups([359.9999, 0.0001, 180.0], [0.0, 0.0, 0.0], radius_arcsec=1.0)
    assert groups[0] == groups[1] != groups[2]


@pytest.mark.parametrize("dec", [90.0, -90.0])
def test_right_ascension_means_nothing_at_the_poles(dec: float) -> None:
    groups = sky.sky_groups([0.0, 120.0, 240.0], [dec] * 3, radius_arcsec=0.01)
    assert len(set(groups.tolist())) == 1


def test_groups_are_linked_through_common_neighbours() -> None:
    ra = np.array([10.0, 10.0 + 8 / 3600, 10.0 + 16 / 3600, 10.0 + 30 / 3600])
    groups = sky.sky_groups(ra, np.zeros(4), radius_arcsec=10.0)
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_unknown_positions_stay_alone() -> None:
    groups = sky.sky_groups([np.nan, np.nan, 1.0], [np.nan, 2.0, 2.0], radius_arcsec=100.0)
    assert len(set(groups.tolist())) == 3


def test_many_views_of_one_position_are_grouped_without_all_their_pairs() -> None:
    groups = sky.sky_groups(np.full(200_000, 5.0), np.full(200_000, 5.0), radius_arcsec=10.0)
    assert len(np.unique(groups)) == 1


def test_a_radius_that_links_everything_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidInput, match="Choose a smaller radius"):
        sky.sky_groups(rng.uniform(10, 10.1, 15_000), rng.uniform(0, 0.1, 15_000), radius_arcsec=600.0)


def test_no_positions_make_no_groups() -> None:
    assert sky.sky_groups([], [], radius_arcsec=10.0).tolist() == []


def test_the_nearest_entry_within_the_radius_is_matched() -> None:
    index, separation = sky.match_positions(
        [0.0, 50.0, np.nan], [0.0, 0.0, 0.0],
        table_ra_deg=[359.9999, 0.00005, np.nan], table_dec_deg=[0.0, 0.0, 0.0], radius_arcsec=2.0,
    )  # fmt: skip
    assert index.tolist() == [1, -1, -1]
    np.testing.assert_allclose(separation, [0.18, np.nan, np.nan], rtol=1e-6)


def test_the_radius_of_a_match_is_inclusive() -> None:
    index, _ = sky.match_positions([10.0], [0.0], table_ra_deg=[10.0], table_dec_deg=[0.0], radius_arcsec=0.0)
    assert index.tolist() == [0]


def test_nothing_matches_an_empty_table() -> None:
    index, separation = sky.match_positions(
        [10.0], [0.0], table_ra_deg=[], table_dec_deg=[], radius_arcsec=5.0
    )
    assert index.tolist() == [-1]
    assert np.isnan(separation).all()


positions = st.lists(
    st.tuples(st.floats(0, 360, exclude_max=True), st.floats(-90, 90)), min_size=2, max_size=30
)


@settings(max_examples=60, deadline=None)
@given(places=positions, radius=st.floats(1.0, 200_000.0))
def test_every_pair_within_the_radius_shares_a_group(
    places: list[tuple[float, float]], radius: float
) -> None:
    ra, dec = np.array(places).T
    groups = sky.sky_groups(ra, dec, radius_arcsec=radius)
    apart = sky.separation_arcsec(ra[:, None], dec[:, None], ra[None], dec[None])
    close = apart < radius * (1 - 1e-9) - 1e-6
    assert (groups[:, None] == groups[None])[close].all()


def test_the_galactic_plane_runs_through_the_centre_of_the_galaxy_on_a_map_of_the_whole_sky() -> None:
    """Sagittarius A* lies at RA 266.4°, Dec −28.9°."""
    for centre_deg in (0.0, 180.0):
        x, y = galactic_plane_of(centre_deg)
        for ra_deg, dec_deg in ((266.405, -28.936), (86.405, 28.936)):
            there = sky.hammer(ra_deg, dec_deg, centre_deg=centre_deg)
            assert np.nanmin(np.hypot(x - there[0], y - there[1])) < 0.01
        assert np.nanmax(np.hypot(np.diff(x), np.diff(y))) < 0.2  # no line from one edge to the other


def test_the_cutouts_of_a_pair_or_heap_are_in_one_frame() -> None:
    """A pair 36″ apart, a heap of three at one position, and a pair of which each is nearest to the other."""
    ra_deg = np.array([10.0, 20.0, 30.0, 20.0, 10.0, 20.0, 30.0])
    dec_deg = np.array([0.0, 0.0, 0.0, 0.0, 0.01, 0.0, 0.005])
    rows, separations, together = closest_rows(ra_deg, dec_deg, most=8)
    assert (rows.tolist(), together) == ([1, 3, 5, 2, 6, 0, 4], [3, 2, 2])
    assert separations == [0.0, 0.0, 0.0, 18.0, 18.0, 36.0, 36.0]
    assert closest_rows(ra_deg[:1], dec_deg[:1], most=8)[2] == []
