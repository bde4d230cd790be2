"""The page of graded candidates: table, feed back, ledger of a network, export."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.grades import GRADES, LETTERS
from lensapp.services.catalogue.query import catalogue
from lensapp.services.data.known_lenses import KnownLenses
from lensapp.services.inspect.review_selection import choose_reviews
from lensapp.storage import reviews, runs, sources
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue import export, feedback, ledger
from lensapp.ui.catalogue import table as candidate_table
from lensapp.ui.catalogue.known_lenses import known_lenses_popover
from lensapp.ui.inspect.consensus_form import METHOD_HELP, METHODS, settings_form, usual_settings
from lensapp.ui.shared.forms import validated
from lensapp.ui.shared.state import choose, get_workspace, go, selected
from lensapp.ui.shared.widgets import empty_state, number

VIEWS = {
    "candidates": ":material/table_chart: Candidates",
    "feed-back": ":material/replay: Feed back into training",
    "ledger": ":material/account_tree: Ledger of a network",
    "export": ":material/download: Export",
}
VIEW = "view"
VIEW_KEY = "catalogue-view"
INSPECT_ICON = ":material/grid_view:"


@dataclass(frozen=True)
class Filters:
    """What the page shows and exports."""

    source: Source
    run_name: str | None
    review_names: tuple[str, ...]
    grades: tuple[str, ...] | None
    min_score: float | None
    known: KnownLenses | None
    radius_arcsec: float
    method: ConsensusSpec = field(default_factory=ConsensusSpec)
    also: tuple[Source, ...] = ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every source shown, that of the page first."""
        return (self.source, *self.also)

    @property
    def name(self) -> str:
        """The names of the sources, as files are called by them."""
        return "+".join(source.name for source in self.sources)

    def options(self) -> dict[str, Any]:
        """Return the filters as arguments of `catalogue` and of `export_catalogue`."""
        return {
            "source_name": self.source.name,
            "also_sources": [source.name for source in self.also],
            "run_name": self.run_name,
            "review_names": self.review_names,
            "min_score": self.min_score,
            "grades": self.grades,
            "known": self.known,
            "radius_arcsec": self.radius_arcsec,
            "method": self.method,
        }


def show() -> None:
    """Show the page."""
    ws = get_workspace()
    st.title("Catalogue")
    ready = [source for source in sources.list_sources(ws.database) if source.state == "ready"]
    if not ready:
        _without_source()
        return
    view = _choose_view()
    if view == "ledger":
        ledger.show_network(ws)
        return
    if view == "feed-back":
        left, right = st.columns(2)
        with left:
            source = _choose_source(_voted_first(ws, ready))
        with right:
            chosen = _choose_reviews(ws, source)
        feedback.show(ws, source, chosen)
        return
    filters = _choose_filters(ws, ready)
    table = filtered(ws, filters)
    if view == "export":
        export.show(ws, filters, table)
        return
    _show_table(ws, filters, table)


def _choose_view() -> str:
    """Return the part of the page that is shown; the address keeps it."""
    current = st.query_params.get(VIEW, "")
    st.session_state[VIEW_KEY] = current if current in VIEWS else "candidates"
    st.segmented_control(
        "View",
        list(VIEWS),
        required=True,
        key=VIEW_KEY,
        format_func=VIEWS.__getitem__,
        label_visibility="collapsed",
        on_change=_take_view,
    )
    return str(st.session_state[VIEW_KEY])


def _take_view() -> None:
    st.query_params[VIEW] = st.session_state[VIEW_KEY]


def _without_source() -> None:
    box = empty_state(
        "No candidates yet",
        "Graded candidates with thumbnails, mean grade, scatter, votes and score will appear here, ready to "
        "be fed back into training or exported.",
        icon=":material/table_chart:",
    )
    if box.button("Go to Home", type="primary", icon=":material/home:", key="catalogue-home"):
        go("home")


def _choose_filters(ws: Workspace, ready: list[Source]) -> Filters:
    cells = st.columns([3, 3, 3, 5, 3, 3, 3], vertical_alignment="bottom")
    with cells[0]:
        source = _choose_source(ready)
    with cells[1]:
        run_name = _choose_run(ws, source)
    with cells[2]:
        chosen = _choose_reviews(ws, source)
    with cells[3]:
        grades = _choose_grades()
    with cells[4]:
        least = st.number_input(
            "Score at least", 0.0, 1.0, None, step=0.05, key="catalogue-score", placeholder="any"
        )
    with cells[5]:
        name = _choose_method()
    with cells[6]:
        known, radius = known_lenses_popover()
    method = _settle(name)
    also = _choose_also(ws, source, ready, chosen)
    return Filters(source, run_name, chosen, grades, least, known, radius, method, also)


def _choose_also(
    ws: Workspace, source: Source, ready: list[Source], chosen: tuple[str, ...]
) -> tuple[Source, ...]:
    """Offer the further sources of the reviews; all of them where reviews were picked, else none."""
    every = [one for one in reviews.list_reviews(ws.database) if one.name in chosen]
    keys = {key for review in every for key in reviews.source_ids_of(ws.database, review)} - {source.id}
    others = {one.name: one for one in ready if one.id in keys}
    if not others:
        return ()
    picked = st.session_state.get(f"catalogue-reviews-{source.name}")
    taken = st.multiselect(
        "Further sources of these reviews",
        list(others),
        default=list(others) if picked else [],
        key=f"catalogue-also-{source.name}-{'+'.join(picked or ())}",
        placeholder=f"only {source.name}",
        help="Their candidates are listed and exported too; the column source tells which is whose.",
    )
    return tuple(others[name] for name in taken)


def _choose_method() -> str:
    return st.selectbox(
        "Consensus", list(METHODS), format_func=METHODS.__getitem__, key="catalogue-method", help=METHOD_HELP
    )


def _settle(method: str) -> ConsensusSpec:
    """Ask for what a method of consensus needs: the prior and the thresholds of its probability."""
    plain = ConsensusSpec.parse({"method": method})
    if not usual_settings(method):
        return plain
    with st.expander(f"Prior and thresholds of {METHODS[method]}"):
        entered = settings_form(method, key="catalogue")
    return validated(ConsensusSpec, entered) or plain


def _voted_first(ws: Workspace, ready: list[Source]) -> list[Source]:
    """Return the sources with votes before the others, each newest first."""
    owners = _voted_sources(ws)
    return sorted(ready, key=lambda source: source.id not in owners)


def _voted_sources(ws: Workspace) -> set[int]:
    """Return the sources whose reviews have votes."""
    voted = reviews.votes_per_review(ws.database)
    found = [review for review in reviews.list_reviews(ws.database) if review.id in voted]
    return {key for review in found for key in reviews.source_ids_of(ws.database, review)}


def _choose_source(ready: list[Source]) -> Source:
    name = choose("source", [source.name for source in ready], label="Source")
    return next(source for source in ready if source.name == name)


def _choose_run(ws: Workspace, source: Source) -> str | None:
    """Choose among the runs that scored the source; the one of the address first."""
    owners = {run for run, scored, _ in runs.score_counts(ws.database) if scored == source.id}
    names = [run.name for run in runs.list_runs(ws.database) if run.id in owners]
    if not names:
        st.selectbox("Scores of", ["no run yet"], disabled=True, key="catalogue-no-run")
        return None
    index = names.index(str(selected("run"))) if selected("run") in names else 0
    return st.selectbox("Scores of", names, index=index, key=f"catalogue-run-{source.name}")


def _choose_reviews(ws: Workspace, source: Source) -> tuple[str, ...]:
    names = [review.name for review in choose_reviews(ws, [source], None)][::-1]
    chosen = st.multiselect(
        "Votes of",
        names,
        key=f"catalogue-reviews-{source.name}",
        placeholder=f"all reviews ({len(names)})" if names else "no review yet",
        disabled=not names,
        help="Of each inspector only the last vote on a candidate counts.",
    )
    return tuple(chosen or names)


def _choose_grades() -> tuple[str, ...] | None:
    """Return the grades to keep, or None to show ungraded candidates too."""
    meanings = "; ".join(f"{grade.letter}: {grade.meaning}" for grade in GRADES)
    chosen = st.pills(
        "Grade",
        [*LETTERS, "–"],
        selection_mode="multi",
        default=list(LETTERS),
        key="catalogue-grades",
        help=f"Consensus of the votes. {meanings}. –: candidates without a vote as well.",
    )
    return None if "–" in chosen else tuple(chosen)


def filtered(ws: Workspace, filters: Filters) -> pd.DataFrame:
    """Return the catalogue after the filters, best grade first, then highest score."""
    table = catalogue(ws, **filters.options())
    return table.sort_values(["mean", "score"], ascending=False, kind="stable", na_position="last")


def _show_table(ws: Workspace, filters: Filters, table: pd.DataFrame) -> None:
    if not table.empty:
        candidate_table.show(ws, filters.sources, table, method=filters.method)
        return
    graded = filters.source.id in _voted_sources(ws)
    box = empty_state(
        "No candidate passes the filters"
        if graded
        else f"Nothing of {filters.source.name} has been graded yet",
        "Widen the grades or the score."
        if graded
        else f"{number(_size(ws, filters.source))} cutouts of "
        f"{filters.source.name} wait. Grade some in Inspect, or add – to the grades to list all.",
        icon=":material/filter_alt:" if graded else INSPECT_ICON,
    )
    if graded:
        return
    if box.button("Inspect", type="primary", icon=INSPECT_ICON, key="catalogue-inspect"):
        go("inspect")


def _size(ws: Workspace, source: Source) -> int:
    return sources.count_cutouts(ws.database, source.id)
