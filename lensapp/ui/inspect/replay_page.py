"""The page that replays a graded review or a labelled source in every order."""

from collections.abc import Collection
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.inspect.replay import Replay, person_hours
from lensapp.services.data.sources import is_labelled, ready_sources
from lensapp.services.evaluate.expectations import person_time, time_unit
from lensapp.services.inspect.queues import list_reviews
from lensapp.services.inspect.replay import (
    AS_SHOWN,
    LABELS,
    Replayed,
    describe_replay,
    fitting_first,
    replay_orders,
    replayable,
    telling_views,
    too_few,
    what_is_not_known,
    why_unranked,
)
from lensapp.services.inspect.vote_log import voted_per_review
from lensapp.storage.workspace import Workspace
from lensapp.ui.inspect import replay_figure
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import any_whole, decimal, kept, put, switch
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import current_round, page_head, show_next_step
from lensapp.ui.shared.page_words import without_commands
from lensapp.ui.shared.state import (
    choose,
    get_workspace,
    is_stand_in,
    say_what_stands_in,
    select,
    selected,
    stand_in,
    stood_in_for,
)
from lensapp.ui.shared.widgets import (
    counted,
    counts_spaced,
    download,
    empty_state,
    errors_shown,
    heading,
    number,
    number_within,
)

ICON = ":material/replay:"
CSV_ROWS = 2000
SUGGESTED_SECONDS = 5.0


def show_replay_page() -> None:
    """Show how many lenses each order of a graded review or a labelled source would have found."""
    ws = get_workspace()
    page_head("Replay")
    names = replayable(ws)
    if not names:
        box = empty_state(
            "Nothing to replay yet",
            "Once a review has grades or a source with truth labels has scores, this page shows how many "
            "lenses each order of the candidates would have found, compared with chance.",
            icon=ICON,
        )
        with box:
            show_next_step(current_round().next_step, "replay", key="replay-next")
        return
    cells = st.columns([3, 3, 2, 3], vertical_alignment="bottom")
    with cells[0]:
        name = _choose_name(ws, names)
    learned = cells[3].toggle(
        "Include training data",
        **kept("learned", switch(), default=False, key="replay-learned"),
        help="Include candidates the run was trained on (biased).",
    )
    below = st.container()  # what stands in: within the row it would lift its field above the others
    with below:
        _say_what_is_lacking(ws, name)
    replayed = None
    with errors_shown():
        reasons = fitting_first(ws, name, names[name], with_learned=learned)
        fitting = [one for one, reason in reasons.items() if not reason]
        others = len(reasons) - len(fitting)
        with cells[1]:
            run_name = choose(
                "run",
                fitting or list(reasons),
                label="Scores and features of",
                help_text=f"{counted(others, 'run')} without a score of these candidates not listed."
                if fitting and others
                else None,
                remarks=reasons,
                said_in=below,
            )
        with st.spinner("Replaying…"):
            replayed = replay_orders(ws, name=name, run_name=run_name, with_learned=learned)
    if replayed is not None and too_few(replayed.result):
        _show_places(replayed)
    elif replayed is not None:
        with cells[2]:
            views = _ask_views(replayed.result, said_in=below)
        _show_replayed(replayed, views=views)


def _ask_views(result: Replay, *, said_in: DeltaGenerator) -> int:
    """Ask after how many views orders are compared."""
    usual = telling_views(result.candidates, result.lenses)
    return number_within(
        "After views", 1, result.candidates, step=10, said_in=said_in,
        **kept("views", any_whole(), usual, key="replay-views"),
        help="Suggested: as many as there are lenses, where the best order has found all; at most half of "
        "the candidates. After all of them every order has found every lens.",
    )  # fmt: skip


def _choose_name(ws: Workspace, names: Collection[str]) -> str:
    """Ask for a review or a source: what is selected is chosen, else what is most graded of the source."""
    of_source = {review.name: review.source_id for review in list_reviews(ws, shown=(selected("review"),))}
    reviews, sources = ([name for name in names if (name in of_source) is of] for of in (True, False))
    shown = next((one.id for one in ready_sources(ws) if one.name == selected("source")), None)
    voted = voted_per_review(ws)
    own = [one for one in list_reviews(ws) if one.source_id == shown]
    own.sort(key=lambda review: -voted.get(review.id, 0))
    asked = [st.query_params.get("review"), st.query_params.get("source"), *(one.name for one in own)]
    asked += [selected("review"), selected("source")]
    name = next((one for one in asked if one is not None and one in names), next(iter(names)))

    def keep() -> None:
        asked_for = st.session_state["replay-name"]
        select("review" if asked_for in reviews else "source", asked_for)
        if asked_for in sources:  # the address then names no review, while other pages keep theirs
            put("review", [])

    kind = "review" if name in reviews else "source"
    if selected(kind) != name or is_stand_in(kind, name):
        stand_in(kind, name)
    else:  # what the stages under the title are told of
        put(kind, [name])
    st.session_state["replay-name"] = name
    st.selectbox("Review or source", [*reviews, *sources], key="replay-name", on_change=keep)
    return name


def _say_what_is_lacking(ws: Workspace, name: str) -> None:
    """Say what the review or the source selected lacks to be replayed, where something else stands in."""
    of_source = {review.name: review.source_id for review in list_reviews(ws, shown=(selected("review"),))}
    if (ungraded := stood_in_for("review", name)) in of_source:
        say_what_stands_in(str(ungraded), name, reason="nobody has graded it yet")
        return
    asked_name = selected("source") if name in of_source else stood_in_for("source", name)
    asked = next((one for one in ready_sources(ws) if one.name == asked_name), None)
    if asked is None or of_source.get(name) == asked.id:
        return
    if name not in of_source or is_stand_in("review", name):
        lacking = "run has scored it" if is_labelled(ws, asked) else "truth labels, nor a graded review"
        say_what_stands_in(asked.name, name, reason=f"no {lacking}")


def _show_replayed(replayed: Replayed, *, views: int) -> None:
    """Show the figure of all orders, then how far each has come after some views and the time it takes."""
    result, report = replayed.result, describe_replay(replayed, views=views)
    _say_what_is_doubtful(replayed, why_unranked(result, views=views))
    left = f", {number(replayed.left_out)} of the training data left out" if replayed.left_out else ""
    figures.show_figure(
        replay_figure.replay_figure(result, names=LABELS, colours=_colours(), marked=views),
        title=f"Lenses found against candidates inspected, {replayed.name}",
        caption=f"n = {counted(result.candidates, 'candidate')}, {counted(result.lenses, 'lens')}{left}; "
        f"orders by {replayed.run_name}; band: 95 % of random orders; dotted: {counted(views, 'view')}"
        f"{replay_figure.same_lines(result, LABELS)}",
        csv=lambda: figures.csv_text(replay_figure.replay_columns(result, most=CSV_ROWS)),
        key="replay",
        height=420,
    )
    seconds = replayed.seconds_each
    if seconds is None:
        seconds = number_within(
            "Seconds per candidate", 0.1, 600.0, step=1.0, width=220,
            **kept("seconds", decimal(), SUGGESTED_SECONDS, key="replay-seconds"),
            help="No vote of this choice has its time; the time follows from this number.",
        )  # fmt: skip
    table = order_table(report, seconds_each=seconds)
    unit, per_hour = time_unit(table["time"].max())
    table["time"] *= per_hour
    number_column = st.column_config.NumberColumn
    st.dataframe(
        counts_spaced(table),
        hide_index=True,
        height="content",
        key="replay-table",
        column_config={
            "found": number_column(f"lenses in {counted(views, 'view')}", format="%.1f"),
            "ratio": number_column("times random", format="%.2f"),
            "completeness": st.column_config.ProgressColumn(format="%.1f %%", min_value=0.0, max_value=100.0),
            "half": number_column("views for half the lenses"),
            "time": number_column(f"time for half ({unit})", format="%.1f"),
        },
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        measured = "the mean measured" if replayed.seconds_each is not None else "assumed"
        st.caption(
            f"{counted(views, 'view')}: {person_time(person_hours(views, seconds))} of one person at "
            f"{number(seconds, digits=2)} s each ({measured}).",
            width="stretch",
        )
        download("CSV", table.to_csv, file_name=f"{replayed.name}-replay.csv")
    _say_what_is_absent(replayed)


def _show_places(replayed: Replayed) -> None:
    """Show where each order has the few lenses of a replay, and how often a random order does as well."""
    result = replayed.result
    left = f" ({number(replayed.left_out)} of the training data left out)" if replayed.left_out else ""
    remedy = "include training data, which flatters," if replayed.left_out else "grade more,"
    st.caption(
        f":material/info: {counted(result.candidates, 'candidate')}{left} with "
        f"{counted(result.lenses, 'lens')} are too few for curves; {remedy} or choose the source. "
        "Here is where each order has the lenses."
    )
    _say_what_is_doubtful(replayed)
    heading(f"Places of the lenses, {replayed.name}")
    st.dataframe(
        place_table(result),
        hide_index=True,
        height="content",
        placeholder="–",
        key="replay-places",
        column_config={
            "mean": st.column_config.NumberColumn(
                "mean place", format="%.1f", help="1 is shown first; the lower, the earlier a lens is seen."
            ),
            "chance": st.column_config.NumberColumn(
                "random does as well (%)",
                format="%.0f",
                help="How often a random order has the lenses as far forward (Mann–Whitney, exact). Below 5 "
                "the order helps, beyond what luck explains.",
            ),
        },
    )
    st.caption(
        f"n = {counted(result.candidates, 'candidate')}, {counted(result.lenses, 'lens')}; orders by "
        f"{replayed.run_name}"
    )
    _say_what_is_absent(replayed)


def place_table(result: Replay) -> pd.DataFrame:
    """Return at which places each order has the lenses, the order that has them first on top."""
    rows = [
        {
            "order": LABELS[order],
            "lenses at": ", ".join(map(str, places)),
            "mean": sum(places) / len(places),
            "chance": 100 * result.chance_of_as_early(order),
        }
        for order, places in result.places().items()
    ]
    random = {"order": replay_figure.RANDOM, "lenses at": "–", "mean": (result.candidates + 1) / 2}
    return pd.DataFrame([*rows, random]).sort_values("mean", kind="stable")


def _say_what_is_absent(replayed: Replayed) -> None:
    """Say, folded, which orders cannot be replayed yet, and the commands that would make what they need."""
    if not replayed.absent:
        return
    with st.expander(f"{counted(len(replayed.absent), 'order')} not replayed yet: what is missing"):
        commands = []
        for order, reason in replayed.absent.items():
            text, typed = without_commands(reason)
            commands += typed
            st.markdown(f"**{LABELS[order]}**: {plain(text)}")
        if commands:
            st.caption("Features are made on the page Features; by command:")
            st.code("\n".join(dict.fromkeys(commands)), language="bash", wrap_lines=True)


def _say_what_is_doubtful(replayed: Replayed, unranked: str | None = None) -> None:
    for reason in (unranked, what_is_not_known(replayed)):
        if reason:
            st.caption(f":material/info: {reason}")


def _colours() -> list[str]:
    """Return the colour of each order; that in which they were shown has the ink of texts."""
    colours = figures.line_colours()
    return [
        figures.ink() if order == AS_SHOWN else colours[place % len(colours)]
        for place, order in enumerate(LABELS)
    ]


def order_table(report: dict[str, Any], *, seconds_each: float) -> pd.DataFrame:
    """Return one row per order, the one that found most first, and that at random; time in hours."""
    rows = [
        {
            "order": LABELS[order],
            "found": float(entry["found"]),
            "ratio": entry["ratio"],
            "completeness": 100 * entry["completeness"],
            "half": entry["views_for_half"],
            "time": person_hours(entry["views_for_half"], seconds_each),
        }
        for order, entry in report["orders"].items()
    ]
    mean = report["random"]["mean"]
    half = round(report["candidates"] / 2)
    rows.append(
        {
            "order": replay_figure.RANDOM,
            "found": mean,
            "ratio": 1.0,
            "completeness": 100 * mean / report["lenses"],
            "half": half,
            "time": person_hours(half, seconds_each),
        }
    )
    return pd.DataFrame(rows).sort_values("found", ascending=False, kind="stable")
