"""Replays: counts by hand, chance as it is, the order that follows what was found, and the page."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.cli import main
from lensapp.core.colours import LINE_COLOURS
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect import acquisition
from lensapp.core.inspect import replay as core
from lensapp.core.inspect.review_spec import REVIEWED_FIRST, ReviewSpec
from lensapp.services.inspect.replay import (
    AS_SHOWN,
    LABELS,
    NO_SCORE,
    describe_replay,
    fitting_first,
    replay_orders,
    telling_views,
    what_is_not_known,
    why_unranked,
)
from lensapp.services.inspect.vote_import import import_votes
from lensapp.storage import reviews, runs, sources
from lensapp.storage.features import features_folder, open_store
from lensapp.storage.files import checksum_of
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from lensapp.ui.inspect import replay_figure
from lensapp.ui.inspect.replay_page import place_table
from support.pages_workspace import figures_of, full_workspace, open_page
from support.small_surveys import add_review, add_source, add_votes, ids_of


def test_found_lenses_are_counted_as_by_hand():
    is_lens = np.array([True, False, True, False])
    result = core.replay(is_lens, {"good": np.array([0, 2, 1, 3]), "bad": np.array([1, 3, 0, 2])})
    assert result.found["good"].tolist() == [0, 1, 2, 2, 2]
    assert result.found_after(2) == {"good": 2, "bad": 0}
    assert result.ratios(2) == {"good": 2.0, "bad": 0.0}
    assert result.views_for(0.5) == {"good": 1, "bad": 3}
    assert core.person_hours(720, 5.0) == 1.0
    with pytest.raises(InvalidInput, match="at least one lens"):
        core.replay(np.zeros(3, bool), {})
    with pytest.raises(InvalidInput, match="each of 4 candidates once"):
        core.replay(is_lens, {"twice": np.array([0, 0, 1, 2])})


def test_chance_is_hypergeometric():
    rng = np.random.default_rng(0)
    is_lens = np.arange(50) < 10
    drawn = np.array([is_lens[rng.permutation(50)[:20]].sum() for _ in range(4000)])
    mean, low, high = core.random_found(candidates=50, lenses=10, views=np.array([0, 20, 50]))
    assert mean.tolist() == [0, 4, 10]
    assert drawn.mean() == pytest.approx(mean[1], abs=0.1)
    assert (low[1], high[1]) == (np.quantile(drawn, 0.025), np.quantile(drawn, 0.975))
    assert (low[2], high[2]) == (10, 10)


@pytest.mark.parametrize(("lenses", "views"), [(10, 100), (10, 1000), (1, 5000), (300, 40), (9990, 500)])
def test_the_band_of_chance_holds_95_percent_of_random_orders_and_no_wider_band_is_needed(lenses, views):
    rng = np.random.default_rng(3)
    drawn = rng.hypergeometric(lenses, 10_000 - lenses, views, size=40_000)
    _, low, high = core.random_found(candidates=10_000, lenses=lenses, views=np.array([views]))
    assert np.mean((drawn >= low) & (drawn <= high)) > 0.947
    assert np.mean(drawn < low) < 0.027
    assert np.mean(drawn > high) < 0.027
    assert np.mean(drawn <= low) > 0.023
    assert np.mean(drawn >= high) > 0.023


@given(st.lists(st.booleans(), min_size=1, max_size=60).filter(any), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_every_order_finds_all_lenses_and_none_beats_the_views(flags, seed):
    is_lens = np.array(flags)
    rng = np.random.default_rng(seed)
    features, scores = rng.normal(size=(len(flags), 3)), rng.random(len(flags))
    orders = {
        "score": core.descending(scores),
        "diverse": acquisition.diverse_order(features, scores, batch=4),
        "similar": core.similar_replay(features, scores, is_lens, batch=4, most=20),
    }
    result = core.replay(is_lens, orders)
    for curve in result.found.values():
        assert curve[-1] == is_lens.sum()
        assert (np.diff(curve) >= 0).all()
        assert (curve <= np.arange(len(curve))).all()


def test_similar_candidates_follow_lenses_that_scores_missed():
    is_lens = np.zeros(40, bool)
    is_lens[[0, 30, 31, 32]] = True
    features = np.tile([1.0, 0.0], (40, 1))
    features[is_lens] = [0.0, 1.0]
    order = core.similar_replay(features, np.linspace(1, 0, 40), is_lens, batch=4, most=40)
    assert set(order[4:8]) >= {30, 31, 32}
    assert core.descending(np.array([0.1, np.nan, 0.9])).tolist() == [2, 0, 1]


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    return full_workspace(tmp_path / "workspace")


def add_features(ws: Workspace) -> None:
    source = sources.get_source(ws.database, "sky")
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    place = features_folder(ws, "elu_cnn-2", "sky")
    store = open_store(place, ids, 3, checksum=checksum_of(ws.run_folder("elu_cnn-2") / "best.keras"))
    store.values[:] = np.random.default_rng(0).normal(size=(len(ids), 3))
    store.advance(len(ids))


def test_a_source_is_replayed_without_what_the_run_learned_from(ws):
    add_features(ws)
    replayed = replay_orders(ws, name="sky", run_name="elu_cnn-2")
    assert replayed.left_out == 28
    assert (replayed.result.candidates, replayed.result.lenses) == (12, 3)
    assert set(replayed.result.found) == {"score", "entropy", "committee", "diverse", "similar"}
    assert "lensapp bald" in replayed.absent["bald"]
    everything = replay_orders(ws, name="sky", with_learned=True)
    assert everything.result.candidates == 40
    told = describe_replay(everything, views=4)
    assert told["orders"]["score"]["found"] == 1, "scores fall along the source, whose every fourth is a lens"
    assert told["random"]["mean"] == pytest.approx(1.0)
    json.dumps(told)


def test_a_review_is_replayed_from_its_grades_and_measured_seconds(ws):
    review = reviews.get_review(ws.database, "round-1")
    replayed = replay_orders(ws, name="round-1", with_learned=True)
    assert replayed.run_name == "elu_cnn-2"
    assert replayed.result.candidates == 6
    assert replayed.result.found["shown"].tolist() == [0, 1, 2, 3, 3, 3, 3]
    assert replayed.seconds_each is None
    ids = reviews.queue_of(ws.database, review.id)
    timed = {"client": "tab-ada-timed", "seq": 1, "review_id": review.id, "cutout_id": int(ids[0])}
    timed |= {"inspector": "Ada", "grade": "A", "voted_at": 1.8e9, "seconds_spent": 4.0}
    slow = timed | {"client": "tab-ada-slow", "cutout_id": int(ids[1]), "seconds_spent": 59.0}
    third = timed | {"client": "tab-ada-third", "cutout_id": int(ids[2]), "seconds_spent": 3.0}
    reviews.add_votes(ws.database, [timed, slow, third])
    told = describe_replay(replay_orders(ws, name="round-1", with_learned=True), views=3)
    assert told["seconds_each"] == 22.0  # of 4, 59 and 3
    assert told["hours"] == pytest.approx(66 / 3600)
    assert (told["votes"], told["imported"]) == (12, 0)
    with pytest.raises(NotFound, match="review or a source"):
        replay_orders(ws, name="nowhere")
    stored_scores.delete_scores(ws, runs.get_run(ws.database, "elu_cnn-1").id, review.source_id)
    with pytest.raises(InvalidInput, match="has scored none of"):
        replay_orders(ws, name="sky", run_name="elu_cnn-1")


def test_imported_votes_claim_no_order_in_which_they_were_given(ws, tmp_path):
    letters = "AXBX" * 6
    rows = [f"J{row:04d},Vera,{letter}" for row, letter in enumerate(letters)]
    (tmp_path / "votes.csv").write_text("\n".join(["id,inspector,grade", *rows]), "utf-8")
    [made] = import_votes(ws, name="sky", path=tmp_path / "votes.csv")["reviews"]
    replayed = replay_orders(ws, name=made, run_name="elu_cnn-2", with_learned=True)
    assert (replayed.votes, replayed.imported) == (24, 24)
    assert "shown" not in replayed.result.found
    assert "All votes were imported" in what_is_not_known(replayed)
    page = open_page("replay", review=made, run="elu_cnn-2", learned="1")
    assert any("that order is not drawn" in text.value for text in page.caption)
    review = reviews.get_review(ws.database, made)
    ids = reviews.queue_of(ws.database, review.id)
    own = {"client": "tab-ada-own00", "seq": 1, "review_id": review.id, "cutout_id": int(ids[0])}
    reviews.add_votes(ws.database, [own | {"inspector": "Ada", "grade": "A", "voted_at": 1.8e9}])
    mixed = replay_orders(ws, name=made, run_name="elu_cnn-2", with_learned=True)
    assert "shown" in mixed.result.found
    assert what_is_not_known(mixed).startswith('24 of 25 votes were imported: "as shown" is the order')


def test_the_page_draws_every_order_beside_chance(ws):
    add_features(ws)
    page = open_page("replay", source="sky")
    page.selectbox(key="replay-name").set_value("sky").run()
    page.toggle(key="replay-learned").set_value(True).run()
    assert not page.exception
    [figure] = figures_of(page)
    drawn = [trace["name"] for trace in figure["data"]]
    assert {"random, 95 %", "random, expected", "highest score first", "similar to the last lenses"} <= set(
        drawn
    )
    assert "random, expected" in page.dataframe[0].value["order"].tolist()


def test_a_run_without_scores_of_a_review_gives_way_to_one_that_has_some(ws):
    """The run selected elsewhere has scored one cutout of the source, which nobody graded."""
    other = runs.get_run(ws.database, "elu_cnn-1")
    source = sources.get_source(ws.database, "sky")
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    stored_scores.delete_scores(ws, other.id, source.id)
    stored_scores.add_scores(ws, other.id, source.id, ids[-1:], [0.5])  # the first six are graded
    reasons = fitting_first(ws, "round-1", ["elu_cnn-1", "elu_cnn-2"], with_learned=True)
    assert reasons == {"elu_cnn-2": "", "elu_cnn-1": NO_SCORE}
    page = open_page("replay", review="round-1", learned="1", run="elu_cnn-1")
    assert not page.error
    assert page.selectbox(key="choose-run").options == ["elu_cnn-2"]
    said = "“elu_cnn-1”: no score of what it was not trained on; elu_cnn-2 is shown instead."
    assert any(said in one.value for one in page.caption)


def test_a_source_without_truth_labels_gives_way_to_its_graded_review_and_else_says_so(ws):
    labelled, run = sources.get_source(ws.database, "sky"), runs.get_run(ws.database, "elu_cnn-2")
    for name in ("searched", "bare"):
        cutouts = [{"candidate_id": f"{name}{row}"} for row in range(8)]
        source = add_source(ws, name, bands=labelled.bands, cutouts=cutouts)
        ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
        stored_scores.add_scores(ws, run.id, source.id, ids, np.linspace(0.1, 0.9, 8))
        with pytest.raises(InvalidInput, match=f"{name} has no truth labels"):
            replay_orders(ws, name=name)
    searched = sources.get_source(ws.database, "searched")
    graded = dict(zip(list(ids_of(ws, searched).values())[:6], "AXAXAX", strict=True))
    add_votes(ws, add_review(ws, searched, "evening"), "Ada", graded)
    page = open_page("replay", source="searched", run="elu_cnn-2")
    assert (page.selectbox(key="replay-name").value, [one.value for one in page.error]) == ("evening", [])
    assert page.selectbox(key="replay-name").options == ["evening", "round-1", "sky"]
    page = open_page("replay", source="bare", run="elu_cnn-2")
    said = "“bare”: no truth labels, nor a graded review; evening is shown instead"
    assert any(said in one.value for one in page.caption)


def test_a_review_that_nobody_has_graded_gives_way_and_that_is_said(ws):
    add_review(ws, sources.get_source(ws.database, "sky"), "tomorrow")
    page = open_page("replay", review="tomorrow")
    said = "“tomorrow”: nobody has graded it yet; round-1 is shown instead."
    assert any(said in one.value for one in page.caption)
    page.selectbox(key="replay-name").set_value("sky").run()
    assert not any("tomorrow" in one.value for one in page.caption)


def test_orders_are_told_apart_by_colour_and_dashes():
    rng = np.random.default_rng(5)
    result = core.replay(np.arange(64) % 2 == 0, {name: rng.permutation(64) for name in LABELS})
    for theme in ("dark", "light"):
        colours = LINE_COLOURS[theme]
        figure = replay_figure.replay_figure(result, names=LABELS, colours=colours, marked=4)
        assert {trace.mode for trace in figure.data} == {"lines"}, "few points would be dots"
        looks = [
            (trace.line.color, trace.line.dash)
            for trace in figure.data
            if trace.name in map(replay_figure.short_name, LABELS.values())
        ]
        assert len(set(looks)) == len(LABELS)
        assert all(looks[k][1] != looks[k + 1][1] for k in range(len(looks) - 1))


def test_orders_that_coincide_are_one_line_and_say_with_which():
    result = core.replay(np.arange(8) % 2 == 0, {name: np.arange(8) for name in LABELS})
    figure = replay_figure.replay_figure(result, names=LABELS, colours=LINE_COLOURS["dark"], marked=4)
    drawn = [replay_figure.short_name(name) for order, name in LABELS.items() if order != AS_SHOWN]
    of = {trace.name: (trace.line.color, trace.line.dash) for trace in figure.data}
    assert {of[f"{name} (as {drawn[0]})"] for name in drawn[1:]} == {of[drawn[0]]}
    assert LABELS[AS_SHOWN] in of
    told = {trace.name for trace in figure.data if trace.showlegend is not False}
    assert told == {drawn[0], LABELS[AS_SHOWN], replay_figure.RANDOM}
    assert all(name in replay_figure.same_lines(result, LABELS) for name in drawn)


def test_a_new_review_has_as_many_candidates_as_the_next_step_offers():
    assert ReviewSpec().limit == REVIEWED_FIRST


def test_the_commands_tell_replays_and_similar_candidates(ws, capsys):
    add_features(ws)
    folder = str(ws.folder)
    assert main(["--workspace", folder, "--json", "replay", "sky", "--with-learned", "--views", "8"]) == 0
    assert json.loads(capsys.readouterr().out)["views"] == 8
    similar = ["similar", "elu_cnn-2", "sky", "--candidate", "J0003", "--count", "5"]
    assert main(["--workspace", folder, "--json", *similar]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["review"], len(told["similar"]), told["exact"]) == ("similar-J0003", 5, True)
    assert reviews.get_review(ws.database, "similar-J0003").size == 6


def test_orders_are_compared_at_first_after_as_many_views_as_there_are_lenses():
    cases = [(1, 1), (2, 1), (6, 2), (33, 30), (5000, 100)]
    assert [telling_views(candidates, lenses) for candidates, lenses in cases] == [1, 1, 2, 16, 100]


def test_of_few_candidates_the_places_of_lenses_are_told_beside_chance():
    is_lens = np.array([True, True, False, False])
    result = core.replay(is_lens, {"first": np.arange(4), "last": np.array([2, 3, 0, 1])})
    assert result.places() == {"first": [1, 2], "last": [3, 4]}
    assert result.chance_of_as_early("first") == pytest.approx(1 / 6)  # of the six places of two lenses
    assert result.chance_of_as_early("last") == 1.0
    assert core.replay(np.array([True]), {"only": np.arange(1)}).chance_of_as_early("only") == 1.0
    table = place_table(core.replay(is_lens, {"score": np.arange(4), "entropy": np.array([0, 2, 1, 3])}))
    assert table["mean"].tolist() == [1.5, 2.0, 2.5]
    assert table["lenses at"].tolist() == ["1, 2", "1, 3", "–"]


def test_a_review_of_few_candidates_has_no_curves(ws):
    page = open_page("replay", review="round-1", learned="1")
    assert not figures_of(page)
    assert "too few for curves" in " ".join(one.value for one in page.caption)
    told = " ".join(one.value for one in page.markdown)
    assert "features" in told
    assert "lensapp" not in told, "commands stand apart from what is said"
    assert any("lensapp features" in one.value for one in page.code)


def test_orders_that_chance_explains_are_not_ranked():
    is_lens = np.arange(100) < 20
    good, bad = np.arange(100), np.arange(100)[::-1]
    assert why_unranked(core.replay(is_lens, {"good": good, "bad": bad}), views=10) is None
    alike = np.arange(100) % 5 == 0
    assert "95 %" in str(why_unranked(core.replay(alike, {"good": good}), views=10))
    assert "fewer than 50" in str(why_unranked(core.replay(is_lens[:40], {"good": good[:40]}), views=4))
