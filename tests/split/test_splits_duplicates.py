"""Near-duplicates by perceptual hash: complete at every distance, fast for a hundred thousand."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.core.data.fingerprints import perceptual_hash
from lensapp.core.data.groups import components, name_groups, unite
from lensapp.core.errors import InvalidInput
from lensapp.core.split.duplicates import near_duplicate_groups


def as_hex(values: object) -> list[str]:
    return [f"{int(value):016x}" for value in values]  # type: ignore[attr-defined]


@settings(max_examples=120, deadline=None)
@given(
    values=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12),
    flips=st.lists(st.tuples(st.integers(0, 11), st.sets(st.integers(0, 63), max_size=6)), max_size=12),
    bits=st.integers(0, 8),
)
def test_all_of_a_group_are_alike_and_no_two_groups_could_be_one(
    values: list[int], flips: list[tuple[int, set[int]]], bits: int
) -> None:
    everything = values + [
        values[place % len(values)] ^ sum(1 << bit for bit in chosen) for place, chosen in flips
    ]
    near = np.array([[(one ^ two).bit_count() <= bits for two in everything] for one in everything])
    groups = near_duplicate_groups(as_hex(everything), bits=bits)
    members = [np.flatnonzero(groups == number) for number in np.unique(groups)]
    assert all(near[np.ix_(one, one)].all() for one in members)
    for one, two in combinations(members, 2):
        assert not near[np.ix_(one, two)].all()
    linked = components(len(everything), *np.nonzero(near))
    assert all(len(set(linked[one])) == 1 for one in members)


def test_a_chain_is_cut_where_its_ends_differ_and_the_nearest_stay_together() -> None:
    chain = [0b0, 0b1, 0b111_1, 0b111_1111, 0b111_1111_111]  # distances 1, 3, 3, 3 along it
    assert near_duplicate_groups(as_hex(chain), bits=3).tolist() == [0, 0, 1, 1, 2]
    # 0b111 is like 0 by 3 bits, like 0b1111 by 1: the nearer counts.
    assert near_duplicate_groups(as_hex([0b0, 0b111, 0b1111]), bits=3).tolist() == [0, 1, 1]


def smooth_cutout(*, width: float, tilt: float, shift: float) -> np.ndarray:
    """A noiseless elliptical galaxy of 30 pixels, one band."""
    y, x = np.mgrid[:30, :30] - 14.5
    along, across = (
        (x - shift) * np.cos(tilt) + y * np.sin(tilt),
        y * np.cos(tilt) - (x - shift) * np.sin(tilt),
    )
    return np.exp(-0.5 * ((along / width) ** 2 + (across / (0.6 * width)) ** 2)).astype(np.float32)[..., None]


def test_smooth_small_cutouts_of_different_galaxies_do_not_chain_into_one_group() -> None:
    looks = [
        {"width": 3 + 0.03 * k, "tilt": np.pi * k / 120, "shift": 1.5 * np.sin(k / 19)} for k in range(120)
    ]
    hashes = [perceptual_hash(smooth_cutout(**look)) for look in looks]
    values = np.array([int(text, 16) for text in hashes], np.uint64)
    near = np.bitwise_count(values[:, None] ^ values) <= 3
    assert len(set(components(len(values), *np.nonzero(near)).tolist())) == 1  # neighbours are all alike
    groups = near_duplicate_groups(hashes, bits=3)
    assert np.bincount(groups).max() < 40  # of 120
    groups = near_duplicate_groups([*hashes, hashes[60]], bits=3)
    assert groups[60] == groups[120]


def test_an_absent_hash_is_like_no_other() -> None:
    assert len(set(near_duplicate_groups([None, None, "", "0" * 16], bits=3).tolist())) == 4


def test_near_pairs_are_told_among_a_hundred_thousand_hashes() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**64, 100_000, dtype=np.uint64)
    values[50_000:50_100] = values[:100] ^ np.uint64(0b111)
    groups = near_duplicate_groups(as_hex(values), bits=3)
    assert (groups[:100] == groups[50_000:50_100]).all()
    assert len(np.unique(groups)) == 99_900


def test_hashes_too_alike_to_compare_are_refused_with_a_remedy() -> None:
    values = np.arange(200_000, dtype=np.uint64) << np.uint64(40)
    with pytest.raises(InvalidInput, match="Lower the near-duplicate tolerance"):
        near_duplicate_groups(as_hex(values), bits=8)


def test_names_group_equal_ones_and_leave_empty_ones_alone() -> None:
    groups = name_groups(["a", None, "b", "a", "", None])
    assert groups[0] == groups[3]
    assert len(set(groups.tolist())) == 5


def test_a_union_links_through_either_reason() -> None:
    groups = unite([np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])])
    assert groups[0] == groups[1] == groups[2] != groups[3]
