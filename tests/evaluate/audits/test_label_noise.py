"""Flipped labels are among the first that are listed; votes and scores together find them, too."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.audits.label_noise import crowd_labels, label_quality


def flipped(labels, seed, classes=2):
    """Give one label in twenty to another class."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(labels))[: len(labels) // 20]
    wrong = labels.copy()
    wrong[rows] = (wrong[rows] + rng.integers(1, classes, len(rows))) % classes
    return wrong, rows


def held_out_probabilities(values, labels):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    return cross_val_predict(model, values, labels, cv=5, method="predict_proba")


@pytest.mark.parametrize("seed", range(2))
def test_four_in_five_flipped_labels_are_in_the_first_tenth(seed):
    values, truth = load_breast_cancer(return_X_y=True)
    labels, rows = flipped(truth, seed)
    found = label_quality(labels, held_out_probabilities(values, labels))
    first = np.argsort(found.quality)[: len(labels) // 10]
    assert np.isin(rows, first).mean() >= 0.8
    assert 0.5 * len(rows) < found.suspect.sum() < 2 * len(rows)
    assert (found.suggested[rows] == truth[rows]).mean() > 0.8


def test_flipped_labels_of_several_classes_are_in_the_first_tenth():
    values, truth = load_digits(n_class=4, return_X_y=True)
    labels, rows = flipped(truth[:400], 1, classes=4)
    found = label_quality(labels, held_out_probabilities(values[:400], labels))
    assert np.isin(rows, np.argsort(found.quality)[:40]).mean() >= 0.8


def test_scores_of_0_and_1_and_a_clean_data_set_are_judged():
    labels = np.arange(100) % 2
    found = label_quality(labels, np.eye(2)[labels])
    assert not found.suspect.any()


def test_a_class_without_cutouts_is_refused():
    with pytest.raises(InvalidInput, match="these cutouts lack one"):
        label_quality(np.zeros(20, np.int64), np.full((20, 2), 0.5))


def crowd(seed=3, count=400):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, count)
    votes = np.full((count, 3), np.nan)
    for column, skill in enumerate((0.95, 0.9, 0.6)):
        right = rng.random(count) < skill
        votes[:, column] = np.where(right, truth, 1 - truth)
    votes[rng.random((count, 3)) < 0.3] = np.nan
    votes[np.isnan(votes).all(axis=1), 0] = 0
    scores = np.clip(rng.normal(0.5 + 0.25 * (2 * truth - 1), 0.15), 0, 1)
    return truth, votes, np.stack([1 - scores, scores], axis=1)


def test_votes_and_scores_together_are_right_more_often_than_votes_alone():
    truth, votes, probabilities = crowd()
    found = crowd_labels(votes, probabilities)
    majority = np.nanmean(votes, axis=1) > 0.5
    assert (found.label == truth).mean() > max(0.95, (majority == truth).mean())
    np.testing.assert_array_equal(found.votes, np.isfinite(votes).sum(axis=1))


def test_the_inspector_who_guesses_is_believed_least():
    _, votes, probabilities = crowd()
    quality = crowd_labels(votes, probabilities).inspectors
    assert quality[2] == quality.min()
    assert quality[0] > quality[2] + 0.1


def test_one_inspector_alone_is_no_crowd():
    with pytest.raises(InvalidInput, match="two inspectors"):
        crowd_labels(np.array([[0.0], [1.0]]), np.full((2, 2), 0.5))
