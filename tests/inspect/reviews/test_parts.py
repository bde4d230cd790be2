"""A part of a review: what filters and orders leave, what they may not tell, and that the queue stays."""

import warnings

import numpy as np
import pytest
from starlette.applications import Starlette

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.data.known_lenses import keep_known_lenses
from lensapp.services.inspect import tokens
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.parts import PartSpec, example_of_part, part_columns, part_of
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.votes import VotePost, record_votes
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery import answers, routes
from support.blind_reviews import grade
from support.gallery_survey import BANDS, add_scores, blobs, ids_by_row
from support.small_surveys import pack_source

with warnings.catch_warnings():
    # It would rather have httpx2, which nothing else here needs.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

SCORES = (0.9, 0.1, 0.5, 0.7, 0.3, 0.6)
MAGNITUDES = (19.0, 22.5, 20.0, 21.0, 18.0, None)


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    """Six candidates with scores and magnitudes; ada and bob have graded some."""
    made = Workspace.open(tmp_path_factory.mktemp("parts") / "ws")
    cutouts = [
        {
            "row": row,
            "candidate_id": f"sky-{row:04d}",
            "label": ("lens", "nonlens")[row % 2],
            "ra_deg": 150 + row / 100,
            "dec_deg": 2.0,
            "properties": {} if mag is None else {"mag_i": mag},
        }
        for row, mag in enumerate(MAGNITUDES)
    ]
    source = pack_source(made, "sky", blobs(6), cutouts, bands=BANDS, zero_point=None)
    add_scores(made, source, dict(enumerate(SCORES)))
    table = made.folder / "known.csv"
    table.write_text("name,ra,dec\nHorseshoe,150.02,2.0\n")
    keep_known_lenses(made, table)
    for name, blind in (("blind", True), ("open", False)):
        spec = ReviewSpec(order="given", blind=blind, blind_to_others=blind)
        review = create_review(made, name=name, source_name="sky", run_name="run-1", spec=spec)
        ids = ids_by_row(made, source)
        grade(made, review, "ada", {ids[0]: "A", ids[1]: "X", ids[2]: "B"})
        grade(made, review, "bob", {ids[0]: "A", ids[1]: "A", ids[2]: "C"})
    return made


def rows(ws, name, **values):
    """Return rows of the survey in the order of a part that ada asks for."""
    opened = open_review(ws, reviews.get_review(ws.database, name).id)
    part = part_of(opened, PartSpec(**values), inspector="ada")
    return [opened.queue.tolist().index(key) for key in part.ids.tolist()]


@pytest.mark.parametrize(
    ("column", "expected"), [("mag_i", "mag_i < 22 & score > 0.5"), ("flags", "score > 0.5")]
)
def test_an_example_names_what_most_candidates_have(ws, tmp_path, column, expected):
    opened = open_review(ws, reviews.get_review(ws.database, "open").id)
    assert example_of_part(opened) == "mag_i < 20 & score > 0.5"
    other = Workspace.open(tmp_path / "ws")
    cutouts = [
        {
            "row": row,
            "candidate_id": f"sky-{row}",
            "properties": {column: 20.0 + row} | ({"mag_g": 21.0 + row} if row < 2 else {}),
        }
        for row in range(6)
    ]
    source = pack_source(other, "sky", blobs(6), cutouts, bands=BANDS, zero_point=None)
    add_scores(other, source, dict(enumerate(SCORES)))
    review = create_review(other, name="look", source_name="sky", run_name="run-1", spec=ReviewSpec())
    assert example_of_part(open_review(other, review.id)) == expected
    unscored = create_review(other, name="bare", source_name="sky", spec=ReviewSpec(order="given"))
    assert "score" not in example_of_part(open_review(other, unscored.id))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"where": "mag_i < 21.5 & score > 0.4"}, [0, 2, 3]),
        ({"where": "isnull(mag_i)"}, [5]),
        ({"where": 'my_grade == "A" | my_grade == "B"'}, [0, 2]),
        ({"where": "isnull(my_grade)"}, [3, 4, 5]),
        ({"where": 'id == "sky-0004"'}, [4]),
        ({"where": 'known_lens == "Horseshoe"'}, [2]),
        ({"show": ("known",)}, [2]),
        ({"sort": "score", "highest_first": True}, [0, 3, 5, 2, 4, 1]),
        ({"sort": "mag_i"}, [4, 0, 2, 3, 1, 5]),
        ({"where": "score > 0.4", "sort": "mag_i", "highest_first": True}, [3, 2, 0, 5]),
    ],
)
def test_filters_leave_and_orders_sort_what_they_say_and_the_queue_stays(ws, values, expected):
    assert rows(ws, "blind", **values) == expected
    assert rows(ws, "blind") == [0, 1, 2, 3, 4, 5]


def test_votes_of_others_filter_and_sort_where_the_review_shows_them(ws):
    # ada A X B, bob A A C: means 3, 1.5, 1.5 and scatters 0, 1.5, 0.5
    assert rows(ws, "open", show=("disputed",), sort="scatter", highest_first=True) == [1, 2]
    assert rows(ws, "open", where="mean >= 1.5 & votes == 2", sort="mean") == [1, 2, 0]
    assert rows(ws, "open", where="`grade by bob` == 'A'") == [0, 1]
    names = [one.name for one in part_columns(open_review(ws, reviews.get_review(ws.database, "open").id))]
    assert {"grade by ada", "scatter", "score", "mag_i", "label"} <= set(names)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"where": "mean > 1"}, "hides the votes of others while it is open.*my_grade"),
        ({"where": "`grade by bob` == 'A'"}, "hides the votes of others"),
        ({"show": ("disputed",)}, "hides the votes of others"),
        ({"sort": "scatter"}, "hides the votes of others"),
        ({"where": 'label == "lens"'}, "label would tell the truth"),
        ({"sort": "Label"}, "label would tell the truth"),
        ({"where": "colour < 1"}, "There is no column 'colour'"),
    ],
)
def test_what_a_blind_review_hides_is_refused_with_the_reason(ws, values, reason):
    with pytest.raises(InvalidInput, match=reason):
        rows(ws, "blind", **values)


def test_no_filter_takes_blind_tests_out_or_leaves_them_alone(ws):
    """They have the columns of what they show: whatever is left holds all of it or none."""
    spec = ReviewSpec(order="given", calibrators=0.5, dud_share=1.0, repeats=0.5, blind_to_others=False)
    made = create_review(ws, name="tested", source_name="sky", run_name="run-1", spec=spec)
    opened = open_review(ws, made.id)
    hosts = {key: test.pixels_of for key, test in opened.blind_tests.items()}
    assert len(hosts) == 6
    shown = [hosts.get(key, key) for key in opened.queued_cutouts.tolist()]
    magnitude = dict(zip(ids_by_row(ws, opened.source), MAGNITUDES, strict=True))
    part = part_of(opened, PartSpec(where="mag_i < 20.5"), inspector="ada")
    expected = [place for place, key in enumerate(shown, 1) if (magnitude[key] or 99) < 20.5]
    assert part.ids.tolist() == expected
    scores = opened.scores(opened.queued_cutouts.tolist())
    by_score = part_of(opened, PartSpec(sort="score"), inspector="ada").ids
    in_order = [scores[key] for key in opened.queued_cutouts[by_score - 1].tolist()]
    assert in_order == sorted(scores.values())
    with pytest.raises(InvalidInput, match="would stand side by side"):
        part_of(opened, PartSpec(sort="mag_i"), inspector="ada")


def test_the_route_says_the_ids_and_whether_they_tell_scores(ws, monkeypatch):
    monkeypatch.setattr(answers, "get_workspace", lambda: ws)
    review = reviews.get_review(ws.database, "blind")
    client = TestClient(Starlette(routes=routes.ROUTES))
    client.headers["x-token"] = tokens.issue_token(ws, review=review, inspector="ada")
    answer = client.get(
        f"{routes.API}/part", params={"where": "score > 0.65", "sort": "score", "highest": "1"}
    )
    queue = open_review(ws, review.id).queue
    assert np.frombuffer(answer.content, "<i8").tolist() == queue[[0, 3]].tolist()
    assert answer.headers["x-tells-scores"] == "1"
    assert client.get(f"{routes.API}/part", params={"where": "mag_i < 19"}).headers["x-tells-scores"] == "0"
    refused = client.get(f"{routes.API}/part", params={"sort": "mean"})
    assert (refused.status_code, "hides the votes" in refused.json()["error"]) == (400, True)
    named = client.get(f"{routes.API}/columns").json()
    assert {"score", "my_grade", "mag_i"} <= set(named["sortable"])
    assert "mean" not in named["sortable"]
    assert "hides the votes of others" in named["why_blind"]


def test_stars_and_comments_without_a_grade_are_found(ws):
    review = reviews.get_review(ws.database, "open")
    ids = open_review(ws, review.id).queue.tolist()
    ops = [{"seq": 1, "id": ids[4], "starred": True, "comment": "an arc?", "voted_at": 1e9}]
    record_votes(ws, review=review, inspector="ada", post=VotePost(client="tab-of-notes", ops=ops))
    assert rows(ws, "open", where="my_star == 1") == [4]
    assert rows(ws, "open", where="notnull(my_comment)") == [4]
