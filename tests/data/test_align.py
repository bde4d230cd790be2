"""Joins by ID: what a dictionary would find, in any order, with IDs absent on either side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensapp.core.align import ABSENT, MANY, aligned, rows_of

ids_in_any_order = st.lists(st.integers(-50, 50), unique=True, max_size=20)


@given(ids_in_any_order, st.lists(st.integers(-50, 50), max_size=20))
def test_rows_are_those_that_a_dictionary_finds(ids, wanted):
    table = {key: row for row, key in enumerate(ids)}
    found = rows_of(np.array(wanted, np.int64), np.array(ids, np.int64))
    assert found.tolist() == [table.get(key, ABSENT) for key in wanted]


@given(ids_in_any_order, st.lists(st.integers(-50, 50), max_size=20))
def test_values_follow_their_ids(ids, wanted):
    values = np.array(ids, np.float32)[:, None] * np.array([1.0, 2.0], np.float32)
    received = aligned(np.array(wanted, np.int64), np.array(ids, np.int64), values, absent=np.nan)
    assert received.shape == (len(wanted), 2)
    expected = [[key, 2 * key] if key in ids else [np.nan, np.nan] for key in wanted]
    np.testing.assert_array_equal(received, np.array(expected, float).reshape(-1, 2))


def test_text_ids_join_too():
    assert aligned(["b", "x"], ["a", "b"], ["lens", "nonlens"], absent="").tolist() == ["nonlens", ""]


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_many_ids_find_the_rows_that_a_dictionary_has(step: int):
    """Those without large gaps are looked up in a table, others by their order; the first of two counts."""
    rng = np.random.default_rng(0)
    ids = rng.permutation(MANY) * step - 5
    ids[1] = ids[0]
    wanted = np.concatenate([rng.permutation(ids)[: MANY - 3], [ids.max() + 1, ids.min() - 1, 7, -5]])
    known: dict[int, int] = {}
    for row, one in enumerate(ids.tolist()):
        known.setdefault(one, row)
    found = rows_of(wanted, ids)
    assert wanted.size > MANY
    assert found.tolist() == [known.get(one, ABSENT) for one in wanted.tolist()]
