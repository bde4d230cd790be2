"""Blind tests that neither order nor score nor image gives away: where they stand, show and pretend."""

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from lensapp.cli import main
from lensapp.core.align import ABSENT
from lensapp.core.inspect.blind_places import (
    UNSCORED,
    HostPool,
    draw_targets,
    pretended_scores,
    tenths_among,
    tenths_of,
)
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.blind_tests import unmatched_duds
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import create_review
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace
from support.gallery_survey import add_scores, add_source, blobs, ids_by_row

COUNT = 600


def test_tenths_are_by_rank_and_what_is_outside_the_queue_is_in_none():
    scores = np.array([0.9, 0.1, np.nan, 0.5, 0.3, 0.7, 0.2, 0.8, 0.6, 0.4, 0.95])
    assert tenths_of(scores).tolist() == [8, 0, UNSCORED, 4, 2, 6, 1, 7, 5, 3, 9]
    others = np.array([0.05, 0.1, 0.19, 0.55, 0.95, 0.99, np.nan])
    assert tenths_among(others, scores).tolist() == [ABSENT, 0, 0, 4, 9, ABSENT, UNSCORED]


def test_as_many_tests_stand_in_each_tenth():
    tenths = np.repeat(np.arange(10), 4)
    targets = draw_targets(np.random.default_rng(0), tenths, 20)
    assert np.bincount(tenths[targets]).tolist() == [2] * 10
    assert len(set(targets.tolist())) == 20


def test_a_host_is_of_the_tenth_asked_for_those_not_shown_first_and_far_from_its_other_place():
    # Of tenth 3: one outside the queue, two in it at 50 and 90. Beside 52: the first, then the far one.
    pool = HostPool(
        np.random.default_rng(1), np.array([3, 3, 3, 5]), np.array([50, ABSENT, 90, ABSENT]), size=100
    )
    assert pool.take(3, 52) == (1, True)
    assert pool.take(3, 52) == (2, True)
    assert pool.take(3, 52) == (0, True)  # two apart is better than another score
    assert pool.take(3, 52) == (3, False)


def test_pretended_scores_keep_the_order_of_their_neighbours():
    rng, falling = np.random.default_rng(0), np.array([0.9, 0.7, 0.3])
    first, second, third = pretended_scores(rng, falling, np.array([0.4, 0.2, 1.5]), uncertain_score=0.5)
    assert 0.9 >= second >= first >= 0.7 >= third >= 0.3
    uncertain = np.array([0.5, 0.4, 0.7])  # 0, 0.1 and 0.2 from one half
    [low, high] = pretended_scores(rng, uncertain, np.array([1.2, 1.8]), uncertain_score=0.5)
    assert 0.3 <= low <= 0.4
    assert 0.6 <= high <= 0.7
    mixed = np.array([0.9, 0.1, 0.5, np.nan])
    [told, none] = pretended_scores(rng, mixed, np.array([0.1, 3.2]), uncertain_score=0.5)
    assert 0.5 <= told <= 0.9
    assert np.isnan(none)


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    """Scores as of a survey: most are low, and two of three candidates are known non-lenses or unlabelled."""
    made = Workspace.open(tmp_path_factory.mktemp("places") / "ws")
    source = add_source(made, "sky", blobs(COUNT, size=8))
    scores = np.random.default_rng(5).beta(0.6, 2.0, COUNT)
    add_scores(made, source, dict(enumerate(scores.tolist())))
    return made


@pytest.mark.parametrize("order", ["score", "random", "uncertain"])
def test_neither_score_nor_place_tells_tests_from_candidates(ws, order):
    """By Kolmogorov and Smirnov each by itself, and together by fifteen neighbours, within chance."""
    spec = ReviewSpec(order=order, limit=400, calibrators=0.2, dud_share=1.0, repeats=0.2, seed=2)
    made = create_review(ws, name=order, source_name="sky", run_name="run-1", spec=spec)
    opened = open_review(ws, made.id)
    queue = opened.queued_cutouts
    scores = opened.scores(queue.tolist())
    told = np.array([scores[key] for key in queue.tolist()])
    kinds = {key: test.kind for key, test in opened.blind_tests.items()}
    kind = np.array([kinds.get(key, "") for key in queue.tolist()])
    rank = np.argsort(np.argsort(told)) / len(told)
    for tested in ("dud", "repeat"):
        for values in (told, np.arange(len(queue))):
            assert ks_2samp(values[kind == tested], values[kind == ""]).pvalue > 0.05
    seen = np.stack([rank, np.arange(len(queue)) / len(queue)], axis=1)[kind != "repeat"]
    truth = kind[kind != "repeat"] == "dud"
    guess = cross_val_predict(KNeighborsClassifier(15), seen, truth, cv=5, method="predict_proba")[:, 1]
    # Under chance the area scatters by sqrt((n + m + 1) / 12 n m) (Hanley & McNeil 1982, Radiology 143, 29).
    n, m = truth.sum(), (~truth).sum()
    assert abs(roc_auc_score(truth, guess) - 0.5) < 1.96 * np.sqrt((n + m + 1) / (12 * n * m))


def test_what_tests_show_has_a_score_like_that_of_the_candidates_around(ws):
    spec = ReviewSpec(order="random", limit=None, calibrators=0.2, dud_share=1.0, repeats=0.2, seed=4)
    made = create_review(ws, name="alike", source_name="sky", run_name="run-1", spec=spec)
    opened = open_review(ws, made.id)
    own = opened.scores(opened.queued_cutouts.tolist())
    edges = np.quantile([own[key] for key in own if key not in opened.blind_tests], np.linspace(0, 1, 11))
    for key, test in opened.blind_tests.items():
        tenths = np.searchsorted(edges, [own[key], own[test.pixels_of]])
        assert abs(tenths[0] - tenths[1]) <= 1
    assert unmatched_duds(ws, made) == 0
    again = create_review(ws, name="again", source_name="sky", run_name="run-1", spec=spec)
    shown = [
        [(test.kind, test.pixels_of, test.score) for test in reviews.blind_tests_of(ws.database, [one.id])]
        for one in (made, again)
    ]
    assert shown[0] == shown[1]


def test_duds_without_a_match_are_counted_and_told_to_who_makes_the_review(ws, capsys):
    source = add_source(ws, "few", blobs(30, size=8))
    # Rows 2, 5, 8 … are the non-lenses: all have low scores, those of the queue of ten high ones.
    add_scores(
        ws, source, {row: 0.01 if row % 3 == 2 else 0.5 + row / 100 for row in range(30)}, name="apart"
    )
    spec = ["--limit", "10", "--calibrators", "0.4", "--dud-share", "1", "--order", "score"]
    asked = ["review", "few-best", "few", "--run", "apart", *spec, "--json"]
    assert main(["--workspace", str(ws.folder), *asked]) == 0
    assert "4 blind tests without a lens have scores unlike" in capsys.readouterr().err
    made = reviews.get_review(ws.database, "few-best")
    assert unmatched_duds(ws, made) == 4
    shown = {test.pixels_of for test in reviews.blind_tests_of(ws.database, [made.id])}
    assert shown <= set(ids_by_row(ws, source)[2::3])


def test_tests_of_two_sources_are_called_and_drawn_as_the_candidates_beside_them(tmp_path):
    ws = Workspace.open(tmp_path / "ws")
    owners = {
        name: add_source(ws, name, blobs(40, size=24, seed=seed))
        for seed, name in enumerate(("east", "west"))
    }
    spec = ReviewSpec(order="given", limit=None, also_sources=("west",), calibrators=0.3, repeats=0.1)
    made = create_review(ws, name="two", source_name="east", spec=spec)
    opened = open_review(ws, made.id)
    rows = opened.facts(opened.queue.tolist())
    hosts = {name: set(ids_by_row(ws, source)) for name, source in owners.items()}
    for key, row in zip(opened.queued_cutouts.tolist(), rows, strict=True):
        if test := opened.blind_tests.get(key):
            shown = test.pixels_of or test.truth["host"]
            [owner] = [name for name, ids in hosts.items() if shown in ids]
            assert row["name"].startswith(f"{owner}-")
    drawn = [
        row["name"][:4]
        for key, row in zip(opened.queued_cutouts.tolist(), rows, strict=True)
        if key in opened.blind_tests
    ]
    assert min(drawn.count("east"), drawn.count("west")) >= 12  # of 32; all were of the first source once
