"""Near-duplicates by perceptual hash: complete at every distance, fast for a hundred thousand."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
def test_the_groups_are_those_of_comparing_all_pairs(
    values: list[int], flips: list[tuple[int, set[int]]], bits: int
) -> None:
    everything = values + [
        values[place % len(values)] ^ sum(1 << bit for bit in chosen) for place, chosen in flips
    ]
    n = len(everything)
    near = np.array([[(one ^ two).bit_count() <= bits for two in everything] for one in everything])
    expected = components(n, *np.nonzero(near))
    found = near_duplicate_groups(as_hex(everything), bits=bits)
    assert ((found[:, None] == found[None]) == (expected[:, None] == expected[None])).all()


def test_an_absent_hash_is_like_no_other() -> None:
    assert len(set(near_duplicate_groups([None, None, "", "0" * 16], bits=3).tolist())) == 4


def test_a_hundred_thousand_hashes_are_compared_in_seconds() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**64, 100_000, dtype=np.uint64)
    values[50_000:50_100] = values[:100] ^ np.uint64(0b111)
    started = time.process_time()
    groups = near_duplicate_groups(as_hex(values), bits=3)
    assert time.process_time() - started < 5.0
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
