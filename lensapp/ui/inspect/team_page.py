"""The page about inspectors: their rates on blind tests, their agreement, consensus and disputes."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import attrgetter

import pandas as pd
import streamlit as st

from lensapp.core.acting import may
from lensapp.core.inspect.agreement import Rate
from lensapp.core.inspect.consensus_methods import METHODS, ConsensusSpec
from lensapp.core.inspect.pace import LEAST_SECONDS, is_hasty
from lensapp.services.data.pictures import cutouts_by_id
from lensapp.services.data.sources import ready_sources
from lensapp.services.evaluate.expectations import person_time
from lensapp.services.inspect.consensus import (
    consensus_report,
    disputed,
    retirement_doubt,
    review_disputed,
)
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import close_review, late_votes, list_reviews
from lensapp.services.inspect.shares import Share, shares_in
from lensapp.services.inspect.team import InspectorRecord, Team, grades_by_cutout, team_of
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from lensapp.ui.access.invitations import show_voters
from lensapp.ui.gallery.contact_sheet import contact_sheet
from lensapp.ui.inspect import team_figures
from lensapp.ui.inspect.agreement_words import (
    ALPHA_HELP,
    agreement_in_a_sentence,
    figures_text,
)
from lensapp.ui.inspect.consensus_form import METHOD_HELP, settings_form
from lensapp.ui.inspect.one_inspector import show_one_inspector
from lensapp.ui.inspect.share_view import show_shares
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.forms import validated
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.page_head import lead_to_cutouts, page_head
from lensapp.ui.shared.pictures import grade_style, thumbnails
from lensapp.ui.shared.state import choose, get_workspace, go, remember, selected
from lensapp.ui.shared.widgets import counted, download, duration, empty_state, number

ICON = ":material/groups:"
MOST_SHOWN = 24
MOST_ROWS = 300
ROW_PIXELS, MOST_ROWS_SEEN = 58, 12
RATES = "Rates on blind tests with Wilson's 95 % interval, and hits/cases."
HASTY = (
    f"Nobody judges a picture in less than {LEAST_SECONDS} s: {{votes}}. The rest of a page, graded at "
    "once, is judged by the look at the page."
)
NO_TIME_LEFT = f"A mean below {LEAST_SECONDS} s each ({{names}}) tells no time left."
ALIKE_OF_ONE = ["scatter", "votes", "inspectors"]  # columns that are alike for all votes of one inspector
TESTED: dict[str, Callable[[InspectorRecord], Rate]] = {  # columns that are left out where nobody was tested
    "completeness": attrgetter("completeness"),
    "false positives": attrgetter("false_positives"),
    "self-agreement": attrgetter("self_agreement"),
}
NO_TIMES = "No times: these votes came without the seconds that they took, as from a table or a command."
NO_TESTS = (
    "No blind tests: a review opened with some measures how complete and consistent its inspectors are."
)
TESTS_HIDDEN = (
    "How inspectors do on the blind tests is shown once the review is closed, before only to administrators: "
    "a rate that changes with a vote would tell what the candidate was."
)


def show_team_page() -> None:
    """Show how well the inspectors of a review do, how far they agree, their consensus and disputes."""
    ws = get_workspace()
    page_head("Team")
    names = [review.name for review in list_reviews(ws, graded_first=True, shown=(selected("review"),))]
    if not names:
        box = empty_state(
            "No review yet",
            "Completeness, false positives, self-agreement and pace of each inspector, their agreement and "
            "the disputed candidates will appear here once candidates are graded.",
            icon=ICON,
        )
        if not ready_sources(ws):
            lead_to_cutouts(box, key="team-first")
        elif box.button("Open a review", type="primary", icon=":material/grid_view:", key="team-inspect"):
            go("inspect")
        return
    left, right = st.columns([1, 1], vertical_alignment="bottom")
    with left:
        team = team_of(ws, review_name=str(choose("review", names, label="Review")))
    review = team.review
    remember(review=review.name)
    shares = shares_in(ws, review)
    if warning := retirement_doubt(ws, review):
        st.warning(warning, icon=":material/warning:")
    if not team.inspectors:
        _say_nobody_voted(ws, review, shares)
        return
    right.caption(team_in_words(team))
    alone = len(team.inspectors) == 1
    if not alone:
        st.markdown(agreement_in_a_sentence(team))
    _show_inspectors(team)
    show_shares(ws, review, shares)
    if alone:
        show_one_inspector(ws, team)
    else:
        _show_figures(team)
        _show_disputed(ws, review)
    _show_consensus(ws, review, alone=alone)
    show_voters(ws, review)
    _show_end(ws, review)


def _say_nobody_voted(ws: Workspace, review: Review, shares: Sequence[Share]) -> None:
    show_shares(ws, review, shares)
    box = empty_state(
        "Nobody has graded this review",
        f"{counted(review.size, 'candidate')} to grade in {review.name}. Send its address to your "
        "colleagues: " + ("each begins with their share." if shares else "everyone grades the same queue."),
        icon=ICON,
    )
    if box.button("Inspect", type="primary", icon=":material/grid_view:", key="team-inspect"):
        go("inspect", review=review.name)
    show_voters(ws, review)


def team_in_words(team: Team) -> str:
    """Return how many people have graded how much of a review, and in what time."""
    graded = sum(record.graded for record in team.inspectors)
    hours = sum(record.hours_spent for record in team.inspectors)
    shared = f"{counted(team.alpha.units, 'candidate')} with two votes or more"
    further = [shared] if len(team.inspectors) > 1 else []
    further += [f"{number(team.retired)} retired"] if team.retired else []
    return (
        f"{counted(len(team.inspectors), 'inspector')}, {counted(graded, 'vote')}"
        + (f", {person_time(hours)} of grading" if hours else "")
        + ("; " if further else "")
        + ", ".join(further)
        + "."
    )


def _show_figures(team: Team) -> None:
    """Show how far inspectors agree and, beside it where they were tested, how they do on blind tests."""
    st.subheader("Agreement")
    st.markdown(figures_text(team), help=ALPHA_HELP)
    figures = [team_figures.show_kappas] if len(team.pairs) > 1 else []
    figures += [team_figures.show_rates] if team_figures.tested_both_ways(team) else []
    for place, show in zip(st.columns(len(figures), gap="large") if figures else [], figures, strict=True):
        with place:
            show(team)


def _show_end(ws: Workspace, review: Review) -> None:
    """Offer to close the review, or say that it is closed."""
    st.subheader("Close the review")
    by = "" if may("reveal") else " by administrators"
    if review.closed_at is not None:
        closed = datetime.fromtimestamp(review.closed_at, UTC)
        st.caption(
            f"Closed on {closed:%d %B %Y, %H:%M} UTC. Exports of votes{by} hold those on blind tests, with "
            "what each was (columns kind and picture_of)."
        )
        if late := late_votes(ws, review):
            st.caption(f"{counted(late, 'vote')} came later: kept and exported, but not counted.")
        return
    if not may("work"):
        st.caption("The review goes on.")
        return
    with st.popover("Close", icon=":material/lock:"):
        st.markdown(
            f"It is no longer offered for grading, and exports of its votes{by} reveal which candidates were "
            "blind tests. It cannot be opened again."
        )
        if st.button("Close it", type="primary", key="team-close"):
            close_review(ws, review.name)
            st.rerun()


def rate_text(rate: Rate) -> str:
    """Return a rate with its interval and its cases in words."""
    if not rate.cases:
        return "–"
    return f"{rate.value:.2f} ({rate.low:.2f}–{rate.high:.2f}) {rate.hits}/{rate.cases}"


def time_left(hours: float | None) -> str:
    """Return the time that is left to grade, as the gallery tells it; a dash where it is unknown."""
    if hours is None or math.isnan(hours):
        return "–"
    if hours == 0:
        return "done"
    return duration(3600 * hours)


def seconds_text(seconds: float | None) -> str:
    """Return the seconds that a look took; of less than a look needs only that."""
    if seconds is None or math.isnan(seconds):
        return "–"
    return f"< {LEAST_SECONDS}" if seconds < LEAST_SECONDS else f"{seconds:.1f}"


def _hours_left(record: InspectorRecord) -> float | None:
    """Return the hours that are left; looks too short to see a picture tell of none."""
    return None if is_hasty(record.seconds_each) and record.hours_left else record.hours_left


# Columns that are left out where no vote has a time.
IN_WORDS: dict[str, Callable[[float | None], str]] = {"seconds each": seconds_text, "hours left": time_left}


def inspector_table(records: tuple[InspectorRecord, ...]) -> pd.DataFrame:
    """Return one row per inspector as it is shown."""
    return pd.DataFrame(
        [
            {
                "inspector": record.name,
                "graded": 100 * record.graded / record.total,
                "completeness": rate_text(record.completeness),
                "false positives": rate_text(record.false_positives),
                "self-agreement": rate_text(record.self_agreement),
                "seconds each": record.seconds_each,
                "hours left": _hours_left(record),
            }
            for record in records
        ]
    )


def _show_inspectors(team: Team) -> None:
    """Show the table of inspectors and, where they were tested, the figure of their rates."""
    table = inspector_table(team.inspectors)
    tested = any(record.completeness.cases or record.false_positives.cases for record in team.inspectors)
    untried = [
        name for name, rate in TESTED.items() if not any(rate(record).cases for record in team.inspectors)
    ]
    untried += [name for name in IN_WORDS if table[name].isna().all()]
    shown = table.drop(columns=untried)
    number_column, text = st.column_config.NumberColumn, st.column_config.TextColumn
    st.dataframe(
        shown.style.format({name: words for name, words in IN_WORDS.items() if name in shown}),
        hide_index=True,
        height="content",
        placeholder="–",
        key="team-table",
        column_config={
            "inspector": text(width=110),
            "graded": st.column_config.ProgressColumn(
                format="%.0f %%", min_value=0.0, max_value=100.0, width=120
            ),
            "completeness": text(help="Simulated lenses graded B or better."),
            "false positives": text(help="Duds, images without a lens, graded B or better."),
            "self-agreement": text(help="Candidates shown twice that got the same grade both times."),
            "seconds each": number_column(
                "s each",
                width=65,
                help="Mean seconds per candidate; a look of over a minute counts as one.",
            ),
            "hours left": number_column(
                "time left",
                width=80,
                help="The candidates that this inspector has not graded yet, at these seconds each.",
            ),
        },
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        words = TESTS_HIDDEN if team.tests_hidden else NO_TESTS
        st.caption(RATES if tested else words, width="stretch")
        download("CSV", table.to_csv, file_name=f"{team.review.name}-inspectors.csv")
    if "seconds each" in untried:
        st.caption(f":material/info: {NO_TIMES}")
    if hasty := [record for record in team.inspectors if record.hasty]:
        votes = ", ".join(
            f"{plain(one.name)} {number(one.hasty)} of {counted(one.graded, 'vote')}" for one in hasty
        )
        unknown = [record.name for record in hasty if is_hasty(record.seconds_each)]
        st.caption(f":material/info: {HASTY.format(votes=votes)}")
        if unknown:
            st.caption(f":material/info: {NO_TIME_LEFT.format(names=plain_all(unknown))}")


def _show_consensus(ws: Workspace, review: Review, *, alone: bool) -> None:
    """Choose how votes are combined and show what comes of it for each candidate."""
    st.subheader("Graded candidates" if alone else "Consensus")
    method = st.segmented_control(
        "Combine votes by",
        list(METHODS),
        required=True,
        format_func=METHODS.__getitem__,
        **kept("consensus", one_of(list(METHODS)), "mean", key="team-method"),
        help=METHOD_HELP,
    )
    spec = validated(ConsensusSpec, settings_form(method, key="team"))
    if spec is None:
        return
    report = consensus_report(ws, review_names=[review.name], spec=spec, numbered=True)
    table = pd.DataFrame(report["results"])
    if table.empty:
        st.caption("No candidate has a vote yet: only blind tests were graded.")
        return
    if warning := report.get("warning"):
        st.warning(warning, icon=":material/warning:")
        if method == "swap":  # all keep the prior: grades and states of it would pass for verdicts
            table = table.drop(columns=["grade", "state"])
            report |= {"grades": {}, "states": {}}
    table = table.assign(inspectors=["; ".join(people) for people in table["inspectors"]])
    by = "probability" if "probability" in table else "mean"
    table = table.sort_values([by, "votes"], ascending=False, kind="stable")
    _list_consensus(ws, table.head(MOST_ROWS).drop(columns=ALIKE_OF_ONE if alone else []))
    grades = ", ".join(f"{report['grades'].get(letter, 0)} {letter}" for letter in "ABCX")
    states = ", ".join(f"{count} {state}" for state, count in sorted(report["states"].items()))
    verdicts = f": {grades}" if report["grades"] else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            (
                f"The first {number(MOST_ROWS)} are listed, the CSV holds all. "
                if len(table) > MOST_ROWS
                else ""
            )
            + f"n = {number(report['graded'])} of {counted(report['candidates'], 'candidate')}{verdicts}"
            + (f"; {states}" if states else "")
            + (f". Prior {report['prior']:.3g}: {report['prior_from']}." if "prior" in report else "."),
            width="stretch",
        )
        whole = table.drop(columns="cutout_id")
        download("CSV", whole.to_csv, file_name=f"{review.name}-{report['method']}.csv")


def _list_consensus(ws: Workspace, head: pd.DataFrame) -> None:
    """Show candidates with their pictures and what the votes on them come to."""
    number_column, text = st.column_config.NumberColumn, st.column_config.TextColumn
    images = thumbnails(ws, head["cutout_id"].tolist())
    listed = head.drop(columns="cutout_id")
    if "scatter" in listed:  # None, which one vote has, sorts as a number
        listed["scatter"] = listed["scatter"].astype(float)
    listed.insert(0, "image", [images.get(int(key)) for key in head["cutout_id"]])
    st.dataframe(
        listed.style.map(grade_style, subset=[name for name in ("grade",) if name in listed]),
        hide_index=True,
        placeholder="–",
        row_height=ROW_PIXELS,
        height=40 + ROW_PIXELS * min(MOST_ROWS_SEEN, len(head)),
        key="team-consensus",
        column_config={
            "image": st.column_config.ImageColumn("", width=64, pinned=True),
            "id": text("candidate", width=150),
            "grade": text(width=65),
            "mean": number_column(format="%.2f", width=70, help="Mean of the votes, A B C X = 3 2 1 0."),
            "scatter": number_column(
                format="%.2f", width=75, help="Standard deviation of the votes; a single vote has none."
            ),
            "votes": number_column(width=65),
            "probability": number_column(
                format="%.3g", width=95, help="That it is a lens, by the method chosen."
            ),
            "state": text(
                width=95, help="Detected or rejected candidates need no more votes; the others are open."
            ),
        },
    )


def _show_disputed(ws: Workspace, review: Review) -> None:
    st.subheader("Disputed")
    ids = disputed(ws, review_names=[review.name])
    if not ids:
        st.caption("No candidate is graded differently yet: those that are will appear here, for discussion.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        shown = f", {MOST_SHOWN} with the largest scatter shown" if len(ids) > MOST_SHOWN else ""
        st.caption(f"n = {counted(len(ids), 'candidate')} with differing votes{shown}.", width="content")
        if may("work") and st.button("Review the disputed", icon=":material/forum:", key="review-disputed"):
            go("inspect", review=review_disputed(ws, review_name=review.name).name)
    cutouts = cutouts_by_id(ws, ids[:MOST_SHOWN])
    grades = grades_by_cutout(ws, review, ids[:MOST_SHOWN])
    contact_sheet(
        ws,
        cutouts,
        key="disputed",
        captions=[f"{cutout.candidate_id}\n{' '.join(grades.get(cutout.id, ()))}" for cutout in cutouts],
        run_name=open_review(ws, review.id).selection.get("run"),
    )
