"""What blind tests are is the administrators': who sees what of them, while a review goes on and after."""

import json
from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest
from team_of_roles import NAMES, Ask, Team

from lensapp.core import acting
from lensapp.core.acting import ROLES, acting_as, this_program
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.services.access import accounts
from lensapp.services.catalogue.query import select
from lensapp.services.inspect.queues import close_review, create_review
from lensapp.services.inspect.team import agreement_of, describe_team, measured_rates, team_of
from lensapp.services.inspect.tokens import issue_token
from lensapp.storage import reviews
from lensapp.storage.records import Review
from lensapp.ui.access import identity
from lensapp.ui.gallery import routes
from support.blind_reviews import BLIND, blind_tests, grade
from support.gallery_survey import add_source, blobs
from support.pages_workspace import open_page

INSPECTOR, SCIENTIST = NAMES["inspector"], NAMES["scientist"]


@dataclass(frozen=True)
class Blind:
    """A review with blind tests that an inspector has graded as wished: lenses A, duds and repeats X."""

    team: Team
    review: Review
    tests: dict[str, list[int]]
    candidates: list[int]


@pytest.fixture
def blind(team: Team) -> Blind:
    with acting_as(this_program()):
        add_source(team.ws, "field", blobs(40, size=24))
        review = create_review(team.ws, name="blind", source_name="field", spec=BLIND)
        accounts.invite(team.ws, INSPECTOR, "blind")
        tests = blind_tests(team.ws, review)
        every = {key for keys in tests.values() for key in keys}
        candidates = [
            key for key in reviews.queue_of(team.ws.database, review.id).tolist() if key not in every
        ]
        given = dict.fromkeys(tests["lens"], "A") | dict.fromkeys([*tests["dud"], *tests["repeat"]], "X")
    with acting_as(team.actor("inspector")):
        grade(team.ws, review, INSPECTOR, given | dict.fromkeys(candidates, "X"))
    return Blind(team, review, tests, candidates)


# Who sees how inspectors did on the tests while the review goes on, and what each test was once it is closed.
TOLD = {
    "administrator": (True, True),
    "scientist": (False, False),
    "inspector": (False, False),
    "reader": (False, False),
    "alone": (True, True),
}


def test_every_role_has_a_row() -> None:
    assert set(TOLD) == {*ROLES, "alone"}


@pytest.mark.parametrize("role", TOLD)
def test_how_inspectors_did_is_told_to_administrators_and_to_others_once_the_review_is_closed(
    blind: Blind, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    ws, (while_open, what_each_was) = blind.team.ws, TOLD[role]
    actor = this_program() if role == "alone" else blind.team.actor(role)
    if role == "alone":
        monkeypatch.setenv("LENSAPP_MODE", "alone")
    with acting_as(actor):
        for closed in (False, True):
            if closed:
                with acting_as(this_program()):
                    close_review(ws, "blind")
            told = while_open or closed
            team, rates = team_of(ws, review_name="blind"), measured_rates(ws)
            [one] = team.inspectors
            assert team.tests_hidden is not told
            assert (one.completeness.cases, one.false_positives.cases, one.self_agreement.cases) == (
                (4, 4, 4) if told else (0, 0, 0)
            )
            assert (rates.completeness.cases, rates.false_positives.cases) == ((4, 4) if told else (0, 0))
            assert one.graded == one.total == blind.review.size  # which tells nothing
            [described] = json.loads(json.dumps(describe_team(team)))["inspectors"]
            assert described["completeness"]["value"] == (1.0 if told else None)
            kinds = set(select(ws, CatalogueQuery(of=("field",))).vote_table(ws)["kind"])
            assert kinds == ({"candidate", *blind.tests} if closed and what_each_was else {"candidate"})


def test_a_vote_on_a_test_changes_what_an_inspector_is_told_as_one_on_a_candidate_does(blind: Blind) -> None:
    ws, pairs = blind.team.ws, []
    for cutout in (blind.tests["dud"][0], blind.candidates[0], blind.tests["lens"][0]):
        with acting_as(blind.team.actor("scientist")):
            grade(ws, blind.review, SCIENTIST, {cutout: "X"})
        with acting_as(blind.team.actor("inspector")):
            [pair] = agreement_of(ws, blind.review, inspector=INSPECTOR)
        pairs.append(pair["candidates"])
    assert pairs == [1, 2, 3]
    with acting_as(blind.team.actor("administrator")):
        [pair] = agreement_of(ws, blind.review, inspector=INSPECTOR)
    assert pair["candidates"] == 1


ANSWERS = (
    "candidates",
    "sheet",
    "raw",
    "values",
    "labels",
    "queue",
    "retired",
    "view",
    "agreement",
    "columns",
)


@pytest.mark.parametrize("path", ANSWERS)
def test_no_route_answers_an_inspector_otherwise_about_a_test(blind: Blind, ask: Ask, path: str) -> None:
    shown = {
        key: place for place, key in enumerate(reviews.queue_of(blind.team.ws.database, blind.review.id), 1)
    }
    with acting_as(blind.team.actor("inspector")):
        token = issue_token(blind.team.ws, review=blind.review, inspector=INSPECTOR)

    def answer(cutout: int) -> tuple[int, list[str], object]:
        asked = {"cookie": blind.team.secrets["inspector"], "headers": {"x-token": token}}
        got = ask("GET", f"{routes.API}/{path}?ids={shown[cutout]}&scores=1&known=1&size=24", **asked)
        kept = sorted(name for name in got.headers if name != "content-length")
        if path == "candidates":
            return got.status_code, kept, [sorted(one) for one in got.json()]
        if path in {"raw", "values"}:
            return got.status_code, kept, len(got.content)
        return got.status_code, kept, None if path == "sheet" else got.content

    [usual] = {repr(answer(key)) for key in blind.candidates[:2]}
    assert usual.startswith("(200, ")
    for keys in blind.tests.values():
        assert repr(answer(keys[0])) == usual
    assert b"dud" not in ask(
        "GET", f"{routes.API}/{path}?ids=1&size=24", cookie=blind.team.secrets["inspector"],
        headers={"x-token": token},
    ).content  # fmt: skip


@pytest.mark.parametrize("role", ["scientist", "reader"])
def test_the_page_says_when_the_rates_will_be_shown(
    blind: Blind, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.setattr(acting, "_ASKED", [identity.page_actor])
    monkeypatch.setattr(identity, "session_secret", lambda _ws: blind.team.secrets[role])
    page: AppTest = open_page("team", review="blind")
    assert "completeness" not in page.dataframe[0].value
    assert any("shown once the review is closed" in one.value for one in page.caption)
    assert bool([one for one in page.button if one.key == "team-close"]) is (role == "scientist")
