"""Administrators look after accounts on the page, scientists invite: what is shown, changed and refused."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest
from team_of_roles import NAMES, PASSWORD, Ask, Team

from lensapp.core import acting
from lensapp.core.acting import acting_as, this_program
from lensapp.core.errors import InvalidInput, NotAllowed
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.access import accounts, log_in, people
from lensapp.services.care.records import changes
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import create_review
from lensapp.storage import reviews
from lensapp.ui.access import identity
from support.pages_workspace import open_page
from support.small_surveys import add_votes

Opener = Callable[..., AppTest]


@pytest.fixture
def page_of(team: Team, monkeypatch: pytest.MonkeyPatch) -> Opener:
    monkeypatch.setattr(acting, "_ASKED", [identity.page_actor])

    def opened(role: str, name: str, **address: str) -> AppTest:
        monkeypatch.setattr(identity, "session_secret", lambda _ws: team.secrets[role])
        return open_page(name, **address)

    return opened


def test_a_session_that_is_ended_by_an_administrator_is_asked_to_log_in_again(team: Team, ask: Ask) -> None:
    again = log_in.log_in(team.ws, name=NAMES["inspector"], password=PASSWORD, address="10.0.0.1")
    with acting_as(team.actor("administrator")):
        assert people.end_sessions(team.ws, NAMES["inspector"]) == 2
        assert people.end_sessions(team.ws, NAMES["inspector"]) == 0
        listed = {one["role"]: one for one in people.list_accounts(team.ws)}
    assert {role: one["sessions"] for role, one in listed.items()} == {
        "administrator": 1, "scientist": 1, "inspector": 0, "reader": 1
    }  # fmt: skip
    assert ask("GET", "/api/pulse", cookie=again).status_code == 401
    [row] = [one for one in changes(team.ws) if one["did"] == "ended sessions"]
    assert (row["who"], row["name"], row["detail"]) == (NAMES["administrator"], NAMES["inspector"], "2")


def test_what_goes_with_an_account_is_said_first_and_its_votes_stay(team: Team) -> None:
    name, ids = NAMES["inspector"], list(map(int, open_review(team.ws, team.review.id).queue[:2]))
    with acting_as(this_program()):
        add_votes(team.ws, team.review, name, {ids[0]: "A", ids[1]: "X"})
        add_votes(team.ws, team.review, name, {ids[0]: "B"})  # the same candidate again
    with acting_as(team.actor("administrator")):
        removal = people.plan_removal(team.ws, name.lower())
        assert (removal.sessions, removal.invitations, removal.votes) == (1, 1, {"first": 2})
        with pytest.raises(InvalidInput, match="only administrator"):
            people.plan_removal(team.ws, NAMES["administrator"])
        accounts.remove_account(team.ws, name)
    assert len(reviews.votes_of(team.ws.database, review_id=team.review.id, inspector=name)) == 3


def test_a_password_that_is_made_up_is_another_each_time_and_is_accepted() -> None:
    made = {people.first_password() for _ in range(50)}
    assert len(made) == 50
    assert min(map(len, made)) >= accounts.SHORTEST_PASSWORD
    assert not set("".join(made)) & set("il1o0IO")  # read out over a telephone


def test_a_review_says_by_what_each_may_vote(team: Team) -> None:
    with acting_as(this_program()):
        spec = ReviewSpec(order="given", inspectors=[NAMES["inspector"].upper()])
        create_review(team.ws, name="named", source_name="sky", spec=spec)
        accounts.invite(team.ws, NAMES["scientist"], "named")
    expected = {
        "first": {"administrator": "role", "scientist": "role", "inspector": "invited"},
        "second": {"administrator": "role", "scientist": "role", "inspector": None},
        "named": {"administrator": None, "scientist": "invited", "inspector": "named"},
    }
    with acting_as(team.actor("scientist")):
        for review, admitted in expected.items():
            told = {one.role: one.admitted for one in people.voters_of(team.ws, review)}
            assert told == admitted
    for role in ("inspector", "reader"):
        with acting_as(team.actor(role)), pytest.raises(NotAllowed):
            people.voters_of(team.ws, "first")


def test_an_administrator_changes_invites_and_removes_on_the_page(team: Team, page_of: Opener) -> None:
    inspector = NAMES["inspector"]
    page = page_of("administrator", "workspace", view="people", person=inspector)
    table = page.dataframe[0].value
    assert table["name"].tolist() == ["Administrator Ada (you)", *sorted(NAMES.values())[1:]]
    assert [list(one) for one in table["invited to"]] == [[], ["first"], [], []]
    page.multiselect[0].set_value(["first", "second"]).run()
    page.button("reviews-do").click().run()
    with acting_as(team.actor("inspector")):
        assert accounts.admission(team.ws).admits(team.other)
    page.multiselect[0].set_value([]).run()
    page.button("reviews-do").click().run()
    with acting_as(team.actor("inspector")):
        assert not accounts.admission(team.ws).admits(team.review)
    page.button_group(f"role-{inspector}").set_value("scientist").run()
    page.button("role-do").click().run()
    assert any("scientist now" in one.value for one in page.success)
    assert page.dataframe[0].value["role"].tolist()[1] == "scientist"
    assert page.button("remove-do").disabled
    page.text_input(f"remove-{inspector}").input(inspector).run()
    page.button("remove-do").click().run()
    assert inspector not in page.dataframe[0].value["name"].tolist()
    page = page_of("administrator", "workspace", view="people", person=NAMES["administrator"])
    assert any("only administrator" in one.value for one in page.error)


def test_a_person_is_added_with_a_password_that_is_shown_once(team: Team, page_of: Opener) -> None:
    assert page_of("administrator", "workspace", view="people").button("person-add")

    def dialog() -> None:
        from lensapp.ui.care.people_view import add_person
        from lensapp.ui.shared.state import get_workspace

        add_person(get_workspace())

    page = AppTest.from_function(dialog).run()
    next(one for one in page.text_input if one.label == "Name").input("Dora")
    page.button[0].click().run()
    assert not page.exception
    assert log_in.log_in(team.ws, name="dora", password=page.code[0].value, address="10.0.0.5")
    page.run()
    assert not page.code
    next(one for one in page.text_input if one.label == "Name").input("DORA")
    page.button[0].click().run()
    assert "has this name already" in page.error[0].value


def test_with_a_provider_a_person_is_added_by_the_e_mail_address_that_it_knows(
    team: Team, page_of: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_of("administrator", "workspace", view="people")
    monkeypatch.setenv("LENSAPP_MODE", "oidc")

    def dialog() -> None:
        from lensapp.ui.care.people_view import add_person
        from lensapp.ui.shared.state import get_workspace

        add_person(get_workspace())

    page = AppTest.from_function(dialog).run()
    assert [one.label for one in page.text_input] == ["Name", "E-mail"]
    page.text_input[0].input("Dora")
    page.button[0].click().run()
    assert "Type that" in page.error[0].value
    page.text_input[0].input("Dora")
    page.text_input[1].input("Dora@Example.org")
    page.button[0].click().run()
    assert not page.exception
    assert log_in.log_in_by_email(team.ws, {"email": "dora@example.org", "email_verified": True})


def test_one_sees_ones_own_votes_and_logs_out_everywhere(team: Team, page_of: Opener) -> None:
    name = NAMES["inspector"]
    page_of("inspector", "inspect")
    with acting_as(this_program()):
        ids = open_review(team.ws, team.review.id).queue[:3].tolist()
        add_votes(team.ws, team.review, name, {ids[0]: "A", ids[1]: "X", ids[2]: "C"})
        add_votes(team.ws, team.review, name, {ids[2]: None})  # withdrawn
        add_votes(team.ws, team.review, NAMES["scientist"], {ids[0]: "B"})
    log_in.log_in(team.ws, name=name, password=PASSWORD, address="10.0.0.1")

    def dialog() -> None:
        from lensapp.ui.access.account_menu import show_own_account

        show_own_account()

    page = AppTest.from_function(dialog).run()
    assert page.dataframe[0].value[["review", "candidates", "state"]].values.tolist() == [
        ["first", "2 of 4", "open"]
    ]
    assert any("logged in in 2 browsers" in one.value for one in page.caption)
    page.button("log-out-everywhere").click().run()
    assert log_in.session_actor(team.ws, team.secrets["inspector"]) is None
    assert log_in.session_actor(team.ws, team.secrets["scientist"]) is not None


def test_a_scientist_invites_from_the_review_and_a_reader_is_not_asked(team: Team, page_of: Opener) -> None:
    page = page_of("scientist", "team", review="second")
    [invited] = [one for one in page.multiselect if one.label == "Invited"]
    assert (invited.options, invited.value) == ([NAMES["inspector"]], [])
    invited.set_value([NAMES["inspector"]]).run()
    page.button("voters-do").click().run()
    with acting_as(team.actor("inspector")):
        assert accounts.admission(team.ws).admits(team.other)
    page = page_of("reader", "team", review="second")
    assert not page.multiselect


def test_alone_the_page_says_how_a_team_logs_in(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENSAPP_MODE", "alone")
    page = open_page("workspace", view="people")
    assert not page.code, "pages show no commands"
    assert any("makes the first account, an administrator" in one.value for one in page.markdown)
    assert any("docs/deploy.md" in one.value for one in page.caption)
    assert not page.dataframe


def test_an_open_page_of_a_removed_account_shows_nothing_more_and_the_log_in_page_says_why(
    team: Team, page_of: Opener, ask: Ask
) -> None:
    page = page_of("reader", "team", review="first")
    assert page.title
    with acting_as(team.actor("administrator")):
        accounts.remove_account(team.ws, NAMES["reader"])
    page.run()
    assert not page.title
    assert not page.sidebar.button
    [reload] = page.get("bidi_component")
    assert reload.proto.component_name == "lensapp_reload"
    assert ask("GET", "/api/pulse", cookie=team.secrets["reader"]).status_code == 401
    html = {"accept": "text/html"}
    answer = ask("GET", "/team?review=first", cookie=team.secrets["reader"], headers=html)
    assert "Your session has ended" in answer.text
    assert 'value="/team?review=first"' in answer.text
    assert "Your session has ended" not in ask("GET", "/team", headers=html).text
