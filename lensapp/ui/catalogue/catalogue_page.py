"""The page of graded candidates: table, feed back, ledger of a network, export."""

from collections.abc import Collection, Sequence

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.catalogue.query import CANDIDATE_GRADES, UNGRADED, CatalogueQuery
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus_methods import METHODS, ConsensusSpec
from lensapp.core.inspect.grades import GRADES, LETTERS
from lensapp.services.catalogue.choices import CatalogueChoices, catalogue_choices
from lensapp.services.catalogue.feedback import left_out_words
from lensapp.services.catalogue.query import catalogue
from lensapp.services.data.sources import count_cutouts
from lensapp.services.score.vetoes import kept_vetoes
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue import export, feedback, hard_negatives, ledger
from lensapp.ui.catalogue import table as candidate_table
from lensapp.ui.catalogue.known_lenses import known_lenses_popover
from lensapp.ui.catalogue.vote_tables import show_what_is_read
from lensapp.ui.inspect.consensus_form import METHOD_HELP, say_what_is_doubtful, settings_form, usual_settings
from lensapp.ui.inspect.votes_in import show_vote_import
from lensapp.ui.shared.address import decimal, kept, one_of, several_of, switch
from lensapp.ui.shared.filters import ask_filter
from lensapp.ui.shared.forms import validated
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import current_round, page_head, show_next_step
from lensapp.ui.shared.page_views import choose_view
from lensapp.ui.shared.state import choose, get_workspace, go
from lensapp.ui.shared.widgets import counted, empty_state, error_box, optional_within

VIEWS = {
    "candidates": ":material/table_chart: Candidates",
    "feed-back": ":material/replay: Feed back into training",
    "ledger": ":material/account_tree: Ledger of a network",
    "votes": ":material/upload: Import votes",
    "export": ":material/download: Export",
}
WHAT_IS_FED = "of"  # in the address
FED = {
    "votes": ":material/how_to_vote: Votes",
    "negatives": ":material/gpp_bad: Hard negatives",
}
OWN_COLUMNS = ("score", "grade", "mean", "scatter", "votes", "known_lens", "known_sep_arcsec")
NO_GRADE = "none"  # in the address
INSPECT_ICON = ":material/grid_view:"
GRADE_MEANINGS = "; ".join(f"{grade.letter}: {grade.meaning}" for grade in GRADES)


def show_catalogue_page() -> None:
    """Show the candidates of a source, or what can be done with them: feed back, trace, export."""
    ws = get_workspace()
    page_head("Catalogue")
    offered = catalogue_choices(ws)
    if not offered.sources:
        box = empty_state(
            "No candidates yet",
            "Graded candidates with thumbnails, mean grade, scatter, votes and score will appear here, ready "
            "to be fed back into training or exported.",
            icon=":material/table_chart:",
        )
        if box.button("Go to Home", type="primary", icon=":material/home:", key="catalogue-home"):
            go("home")
        return
    view = choose_view(VIEWS, key="catalogue-view")
    if view == "ledger":
        ledger.show_ledger_of_network(ws)
    elif view == "feed-back":
        _show_feeding_back(ws, offered)
    elif view == "votes":
        with st.container(width=360):
            source = _choose_source(offered.sources, first=offered.voted_sources)
        show_vote_import(ws, source.name)
        show_what_is_read(ws, source)
        _show_where_votes_lead(offered, source)
    else:
        query = _choose_query(ws, offered)
        if query is None:
            return
        say_what_is_doubtful(ws, query.reviews or (), query.consensus)
        try:
            table = listed_catalogue(ws, query)
        except InvalidInput as error:
            error_box(error)
            return
        if view == "export":
            export.show_export(ws, query, table)
        elif table.empty:
            _show_nothing(ws, offered.sources_of(query)[0], offered)
        else:
            candidate_table.show_candidates(ws, offered.sources_of(query), table, query=query)


def _show_where_votes_lead(offered: CatalogueChoices, source: Source) -> None:
    """Say what becomes of votes, and lead there."""
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="votes-lead-on")
    with row:
        words = "Once votes are added they count in the consensus of Candidates, and can become labels."
        st.caption(words, width="stretch" if source.id in offered.voted_sources else "content")
        if source.id in offered.voted_sources:
            for view, label in (("candidates", "See the candidates"), ("feed-back", "Feed the votes back")):
                if st.button(label, key=f"votes-to-{view}", icon=":material/arrow_forward:"):
                    go("catalogue", view={"view": view})


def _show_feeding_back(ws: Workspace, offered: CatalogueChoices) -> None:
    """Show what can become labels: votes, or the known non-lenses that a run takes for lenses."""
    fed = choose_view(FED, key="catalogue-fed", kept_as=WHAT_IS_FED)
    left, right = st.columns(2)
    scored = [one for one in offered.sources if offered.runs_of(one)]
    with left:
        if fed == "votes":
            source = _choose_source(offered.sources, first=offered.voted_sources)
        else:
            source = _choose_source(offered.sources, first={one.id for one in scored}, lacks="no scores yet")
    if fed == "votes":
        with right:
            review_names = _choose_reviews(offered, source, fed_back=True)
        feedback.show_feedback(ws, source, review_names, voted=bool(offered.voted_reviews & {*review_names}))
        return
    scored_by = offered.runs_of(source)
    with right:
        run_name = choose("run", scored_by, label="Scores of")
    hard_negatives.show_hard_negatives(ws, source, run_name, scored=scored)


def _choose_query(ws: Workspace, offered: CatalogueChoices) -> CatalogueQuery | None:
    """Ask what the catalogue holds; None where the filter cannot be used."""
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="catalogue-choice")
    below = st.container()  # what stands in: within the row it would lift its field above the others
    with row:
        with st.container(width=170):
            source = _choose_source(offered.sources, first=offered.voted_sources, said_in=below)
        with st.container(width=245):  # among the runs that scored the source
            scored_by, run_name = offered.runs_of(source), None
            if scored_by:
                run_name = choose("run", scored_by, label="Scores of", said_in=below)
            else:
                st.selectbox("Scores of", ["no run yet"], disabled=True, key="catalogue-no-run")
        with st.container(width=225):
            grades = _choose_grades()
        with st.container(width="stretch"):
            review_names = _choose_reviews(offered, source)
            further = _choose_further_sources(offered, source, review_names)
    owners = [source, *(one for one in offered.sources if one.name in further)]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="catalogue-narrow"):
        with st.container(width="stretch"):
            where, usable = ask_filter(
                ws,
                owners,
                key=f"catalogue-filter-{source.name}",
                known=OWN_COLUMNS,
                and_others=True,
                labelled=False,
            )
        min_score, method = _choose_further()
        vetoed = _choose_vetoes(ws, run_name)
        known, radius = known_lenses_popover()
    if not usable:
        return None
    return CatalogueQuery(
        consensus=_complete_consensus(method),
        of=(source.name, *further),
        run=run_name,
        reviews=review_names,
        grades=grades,
        min_score=min_score,
        where=where,
        vetoes=vetoed,
        radius_arcsec=radius,
        **({} if known is None else known.table.for_query()),
    )


def _choose_further() -> tuple[float | None, str]:
    """Ask, folded, for the lowest score and for how votes are combined."""
    asked = {"score", "consensus"}.intersection(st.query_params)
    with st.popover(f"More · {len(asked)}" if asked else "More", icon=":material/tune:"):
        min_score = optional_within(
            "Score at least", 0.0, 1.0, value=None, step=0.05, placeholder="any",
            **kept("score", decimal(), None, key="catalogue-score"),
        )  # fmt: skip
        method = st.selectbox(
            "Consensus", list(METHODS), format_func=METHODS.__getitem__, help=METHOD_HELP,
            **kept("consensus", one_of(list(METHODS)), next(iter(METHODS)), key="catalogue-method"),
        )  # fmt: skip
    return min_score, str(method)


def _choose_grades() -> tuple[str, ...] | None:
    """Ask for consensus grades; None for all candidates, those without a vote as well."""
    offered = [*LETTERS, NO_GRADE]
    grades = st.pills(
        "Grade",
        offered,
        selection_mode="multi",
        format_func=lambda grade: "–" if grade == NO_GRADE else grade,
        help=f"Consensus of the votes. {GRADE_MEANINGS}. –: candidates without a vote.",
        **kept("grades", several_of(offered), list(CANDIDATE_GRADES), key="catalogue-grades"),
    )
    if len(grades) == len(offered):
        return None
    return tuple(UNGRADED if grade == NO_GRADE else grade for grade in grades)


def _choose_vetoes(ws: Workspace, run_name: str | None) -> bool:
    """Offer to leave out what the vetoes kept with a run take out, where it has some."""
    rules = [] if run_name is None else [str(one["rule"]) for one in kept_vetoes(ws, run_name)]
    if not rules:
        return False
    return st.toggle(
        "Apply vetoes" if len(rules) > 1 else "Apply the veto",
        **kept("vetoes", switch(), default=False, key=f"catalogue-vetoes-{run_name}"),
        help=f"Leave out candidates that do not fulfil {plain(' and '.join(rules))} (kept on Evaluate).",
    )


def _choose_source(
    ready: Sequence[Source],
    *,
    first: Collection[int],
    lacks: str = "no votes yet",
    said_in: DeltaGenerator | None = None,
) -> Source:
    """Ask for a source; those whose ID is among `first` come first, the others say what each `lacks`."""
    offered = sorted(ready, key=lambda one: one.id not in first)
    others = {one.name: lacks for one in offered if first and one.id not in first}
    names = [source.name for source in offered]
    name = choose("source", names, label="Source", remarks=others, avoided=others, said_in=said_in)
    return next(source for source in offered if source.name == name)


def _choose_reviews(offered: CatalogueChoices, source: Source, *, fed_back: bool = False) -> tuple[str, ...]:
    """Ask for reviews; none picked are all of them, or with `fed_back` those that are fed back."""
    names = offered.reviews_of(source)
    usual = [name for name in names if not fed_back or name in offered.fed_back]
    picked = st.multiselect(
        "Votes of",
        names,
        **kept("votes_of", several_of(names), [], key=f"catalogue-reviews-{source.name}"),
        placeholder=(
            f"{'all reviews' if usual == names else 'reviews'} ({len(usual)})" if names else "no review yet"
        ),
        disabled=not names,
        help="Of each inspector only the last vote on a candidate counts, also across reviews; the others "
        "stay in the ledger and in exported votes.",
    )
    left_out = offered.voted_reviews.intersection(names).difference(usual)
    if not picked and left_out:
        st.caption(f"{left_out_words(len(left_out))}.")
    return tuple(picked or usual)


def _choose_further_sources(
    offered: CatalogueChoices, source: Source, review_names: tuple[str, ...]
) -> tuple[str, ...]:
    """Offer the further sources of the reviews; all of them where reviews were picked, else none."""
    others = offered.further_sources(source, review_names)
    if not others:
        return ()
    picked = st.session_state.get(f"catalogue-reviews-{source.name}")
    return tuple(
        st.multiselect(
            "Further sources of these reviews",
            others,
            **kept(
                "also",
                several_of(others),
                others if picked else [],
                key=f"catalogue-also-{source.name}-{'+'.join(picked or ())}",
            ),
            placeholder=f"only {source.name}",
            help="Their candidates are listed and exported too, with the name of their source.",
        )
    )


def _complete_consensus(method: str) -> ConsensusSpec:
    """Ask for what a method of consensus needs: the prior and the thresholds of its probability."""
    plain = ConsensusSpec.parse({"method": method})
    if not usual_settings(method):
        return plain
    asked = "Prior and thresholds" if "prior" in usual_settings(method) else "Thresholds"
    with st.expander(f"{asked} of {METHODS[method]}"):
        entered = settings_form(method, key="catalogue")
    return validated(ConsensusSpec, entered) or plain


def listed_catalogue(ws: Workspace, query: CatalogueQuery) -> pd.DataFrame:
    """Return the catalogue of a query, best grade first, then highest score."""
    return candidate_table.in_order(catalogue(ws, query))


def _show_nothing(ws: Workspace, source: Source, offered: CatalogueChoices) -> None:
    if source.id in offered.voted_sources:
        empty_state(
            "No candidate passes the filters",
            "Widen the grades (X: not a lens, –: no vote), the score or the filter.",
            icon=":material/filter_alt:",
        )
        return
    box = empty_state(
        f"Nothing of {source.name} has been graded yet",
        f"{counted(count_cutouts(ws, source), 'cutout')} without a grade. Grade some in Inspect, or add – to "
        "the grades to list all.",
        icon=INSPECT_ICON,
    )
    with box:
        show_next_step(current_round().next_step, "catalogue", key="catalogue-next")
