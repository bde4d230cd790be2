"""Leaks between the parts of a dataset are counted by reason, with the pairs to look at."""

import numpy as np
from astropy.coordinates import SkyCoord

from lensapp.core.split.leakage import find_leaks
from lensapp.core.split.splits import CutoutTable, SplitSpec, split_cutouts

COUNT = 30


def table(**changes):
    rng = np.random.default_rng(1)
    columns = {
        "source": np.array(["sky"] * COUNT, object),
        "candidate_id": np.array([f"J{k}" for k in range(COUNT)], object),
        "parent": np.array([None] * COUNT, object),
        "label": np.array(["lens", "nonlens"] * (COUNT // 2), object),
        "ra_deg": 10.0 + np.arange(COUNT) * 0.1,
        "dec_deg": np.full(COUNT, 60.0),
        "perceptual_hash": np.array([f"{value:016x}" for value in rng.integers(2**63, size=COUNT)], object),
        "pixels_digest": np.array([f"{k:032x}" for k in range(COUNT)], object),
    }
    for name, cells in changes.items():
        for row, value in cells.items():
            columns[name][row] = value
    return CutoutTable(**columns)


PARTS = np.array(["train"] * 15 + ["validation"] * 5 + ["test"] * 10, object)


def leaks(**changes):
    return {one.reason: one for one in find_leaks(table(**changes), PARTS, SplitSpec())}


def test_a_dataset_without_shared_objects_has_no_leak():
    assert all(not one.cutouts and not one.objects and not one.pairs for one in leaks().values())


def test_one_place_in_two_parts_is_a_leak_with_its_separation():
    found = leaks(ra_deg={20: 10.0 + 0.001})
    assert found["position"].cutouts == {"test": 1}
    [(first, second, arcsec)] = found["position"].pairs
    assert (first, second) == (0, 20)
    apart = SkyCoord(10.0, 60.0, unit="deg").separation(SkyCoord(10.001, 60.0, unit="deg")).arcsec
    assert abs(arcsec - apart) < 1e-6
    assert not found["look"].cutouts
    assert not found["parent"].cutouts


def test_pixels_that_are_alike_are_a_leak_with_the_bits_that_differ():
    own = table().perceptual_hash[3]
    near = f"{int(own, 16) ^ 0b101:016x}"
    hashes = {17: near, 25: own}
    assert not leaks(perceptual_hash=hashes)["look"].cutouts  # minutes apart, they show other galaxies
    found = leaks(perceptual_hash=hashes, ra_deg=dict.fromkeys((3, 17, 25), np.nan))
    assert found["look"].cutouts == {"validation": 1, "test": 1}
    assert found["look"].objects == 1
    assert found["look"].pairs == ((3, 25, 0.0),)


def test_equal_pixels_are_a_leak_without_any_tolerance():
    data = table(pixels_digest={29: f"{2:032x}"})
    [look] = [
        one for one in find_leaks(data, PARTS, SplitSpec(near_duplicate_bits=0)) if one.reason == "look"
    ]
    assert look.cutouts == {"test": 1}


def test_views_of_one_parent_in_several_parts_are_a_leak():
    found = leaks(parent={16: "J1", 21: "host", 22: "host"})
    assert found["parent"].cutouts == {"validation": 1}  # both views of "host" are in the test part
    assert found["parent"].pairs[0][:2] == (1, 16)


def test_a_split_by_the_same_rules_leaks_nothing():
    data = table(parent={16: "J1", 4: "J9"}, ra_deg={20: 10.0}, pixels_digest={29: f"{2:032x}"})
    split = split_cutouts(data, SplitSpec())
    assert all(not one.cutouts for one in find_leaks(data, split.part, SplitSpec()))
