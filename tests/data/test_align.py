"""Joins by ID: what a dictionary would find, in any order, with IDs absent on either side."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lensapp.core.align import ABSENT, aligned, rows_of

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
