"""Dawid-Skene: equal to crowd-kit (a table made by make_dawid_skene.py), and its laws."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.dawid_skene import dawid_skene

TABLE = json.loads(Path(__file__).with_name("dawid_skene.json").read_text("utf-8"))


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: f"{case['classes']}-classes")
def test_probabilities_equal_those_of_crowd_kit(case: dict) -> None:
    votes = [np.array(case[name]) for name in ("candidate", "inspector", "said")]
    found = dawid_skene(*votes, classes=case["classes"], max_iterations=TABLE["steps"], tolerance=-1.0)
    assert found.iterations == TABLE["steps"]
    assert found.probability == pytest.approx(np.array(case["probability"]), abs=1e-6)
    assert found.share == pytest.approx(np.array(case["share"]), abs=1e-6)


def test_three_inspectors_of_whom_one_is_contrary() -> None:
    candidate = np.repeat(np.arange(8), 3)
    truth = np.array([0, 1] * 4)
    said = np.stack([truth, truth, 1 - truth], axis=1).ravel()
    found = dawid_skene(candidate, np.tile([0, 1, 2], 8), said, classes=2)
    assert found.iterations < 100, "it has converged"
    assert found.probability.argmax(1).tolist() == truth.tolist()
    assert found.confusion[2] == pytest.approx(np.array([[0, 1], [1, 0]]), abs=1e-6)


def test_the_known_truth_of_blind_tests_outweighs_the_majority() -> None:
    candidate, inspector = np.repeat(np.arange(12), 2), np.tile([0, 1], 12)
    said = np.stack([np.arange(12) % 2, 1 - np.arange(12) % 2], axis=1).ravel()
    known = np.full(12, -1)
    known[:4] = np.arange(4) % 2
    found = dawid_skene(candidate, inspector, said, classes=2, known=known)
    assert found.probability.argmax(1).tolist() == [0, 1] * 6


def test_candidates_without_votes_get_the_shares_of_the_classes() -> None:
    found = dawid_skene(np.array([0, 1, 2]), np.zeros(3, int), np.array([0, 0, 1]), classes=2, candidates=4)
    assert found.probability[3] == pytest.approx(found.share)
    empty = dawid_skene(np.empty(0, int), np.empty(0, int), np.empty(0, int), classes=2, candidates=1)
    assert empty.probability == pytest.approx(np.array([[0.5, 0.5]]))
    with pytest.raises(InvalidInput, match="classes 2 to 2, but only 0 to 1 exist"):
        dawid_skene(np.array([0]), np.array([0]), np.array([2]), classes=2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(0, 999))
def test_probabilities_do_not_depend_on_the_order_of_votes(seed: int, shuffle: int) -> None:
    rng = np.random.default_rng(seed)
    candidate, inspector = np.nonzero(rng.random((9, 5)) < 0.7)
    said = rng.integers(0, 3, len(candidate))
    order = np.random.default_rng(shuffle).permutation(len(candidate))
    options = {"classes": 3, "candidates": 9, "max_iterations": 20}
    one = dawid_skene(candidate, inspector, said, **options)
    two = dawid_skene(candidate[order], inspector[order], said[order], **options)
    assert (one.probability == two.probability).all()
    assert one.probability.sum(1) == pytest.approx(np.ones(9))
