"""Histograms of scores: exact at their edges, equal however the objects are divided."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import confusion_at, count_thresholds
from lensapp.core.evaluate.histogram import BINS, ScoreHistogram, bin_of, lower_edges
from lensapp.core.evaluate.metrics import auroc, brier, figures_of, measure

SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=50)


@settings(max_examples=60, deadline=None)
@given(SCORES, st.integers(0, 50))
def test_merged_parts_equal_the_whole(scores, cut):
    labels = np.arange(len(scores)) % 2
    whole = ScoreHistogram.of(labels, scores)
    parts = ScoreHistogram.of(labels[:cut], scores[:cut]) + ScoreHistogram.of(labels[cut:], scores[cut:])
    assert (whole.positives == parts.positives).all()
    assert (whole.negatives == parts.negatives).all()
    assert whole.squared_error == pytest.approx(parts.squared_error, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(SCORES)
def test_every_score_lies_between_the_edges_of_its_bin(scores):
    bins, edges = bin_of(scores), np.append(lower_edges(), np.nextafter(1.0, 2))
    assert (edges[bins] <= scores).all()
    assert (scores < edges[bins + 1]).all()


@settings(max_examples=60, deadline=None)
@given(SCORES)
def test_counts_are_exact_at_every_edge(scores):
    labels = np.arange(len(scores)) % 2
    counts = ScoreHistogram.of(labels, scores).counts()
    exact = count_thresholds(labels, scores)
    for threshold in counts.thresholds:
        assert confusion_at(counts, threshold) == confusion_at(exact, threshold)


def test_edges_rise_from_zero_and_meet_at_one_half():
    edges = lower_edges()
    assert edges.size == BINS
    assert edges[0] == 0
    assert edges[BINS // 2] == 0.5
    assert (np.diff(edges) > 0).all()
    assert bin_of([0.0, 1.0]).tolist() == [0, BINS - 1]


@pytest.mark.parametrize("sharpness", [1.0, 4.0, 8.0])
def test_figures_of_a_histogram_agree_with_all_scores(sharpness):
    rng = np.random.default_rng(2)
    labels = rng.random(40_000) < 0.05
    scores = (1 / (1 + np.exp(-sharpness * rng.normal(labels * 2.0 - 1, 1)))).astype(np.float32)
    histogram = ScoreHistogram.of(labels, scores)
    rough, exact = figures_of(histogram.counts(), brier=histogram.brier), measure(labels, scores)
    assert rough.auroc == pytest.approx(exact.auroc, abs=3e-6)
    assert rough.average_precision == pytest.approx(exact.average_precision, abs=1e-3)
    assert rough.confusion == exact.confusion
    assert histogram.brier == pytest.approx(brier(labels, scores), abs=1e-12)


def test_an_empty_histogram_adds_nothing():
    some = ScoreHistogram.of([1, 0], [0.8, 0.1])
    assert auroc((ScoreHistogram.empty() + some).counts()) == 1


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan])
def test_scores_that_are_not_probabilities_are_refused(wrong):
    with pytest.raises(InvalidInput, match="1 of 2 scores are NaN or not between 0 and 1"):
        ScoreHistogram.of([0, 1], [0.5, wrong])


def test_unequal_lengths_are_refused():
    with pytest.raises(InvalidInput, match="1 labels but 2 scores"):
        ScoreHistogram.of([0], [0.5, 0.6])


def test_one_class_alone_gives_no_curve():
    with pytest.raises(InvalidInput, match="There are 0 lenses and 2 non-lenses"):
        ScoreHistogram.of([0, 0], [0.5, 0.6]).counts()
