"""The ledger: what made a network, and what is known about a candidate."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.services.catalogue.label_origin import read_origin
from lensapp.services.catalogue.ledger import CandidateLedger, RunLedger, ledger, ledger_of_candidate
from lensapp.services.inspect.similar import review_alike
from lensapp.services.score.neighbours import DEFAULT_COUNT, runs_with_features
from lensapp.services.split.datasets import DatasetDescription
from lensapp.storage import runs
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.ledger_figure import ledger_figure
from lensapp.ui.shared import figures
from lensapp.ui.shared.pictures import picture_data, read_pictures
from lensapp.ui.shared.state import choose, go
from lensapp.ui.shared.widgets import absolute_time, empty_state, number, relative_time

KIND_NAMES = {"import": "imported with the survey", "demo": "truth of the simulation", "votes": "votes"}


def show_ledger_of_candidate(ws: Workspace, source: Source, cutout_id: int) -> None:
    """Show scores, votes and memberships of one candidate beside its picture."""
    found = ledger_of_candidate(ws, cutout_id)
    if found is None:
        return
    with st.container(border=True):
        left, right = st.columns([1, 4], gap="medium")
        with left:
            _, pictures = read_pictures(source, [cutout_id])
            st.image(picture_data(pictures[0]), width="stretch", alt=found.cutout.candidate_id)
            st.markdown(f"**{found.cutout.candidate_id}**")
            st.caption(_position(found))
            _more_alike(ws, source, cutout_id)
        with right:
            _candidate_tables(found)


def _more_alike(ws: Workspace, source: Source, cutout_id: int) -> None:
    """Offer the candidates most alike one as a review, where a run's features of the source are stored."""
    names = runs_with_features(ws, source.name)
    pressed = st.button(
        "Find more like this",
        icon=":material/image_search:",
        key=f"more-like-{cutout_id}",
        disabled=not names,
        help=f"Opens a review of the {DEFAULT_COUNT} most alike in the features of {names[0]}."
        if names
        else "Store the features of a run on the page Features first.",
    )
    if pressed:
        review, _ = review_alike(ws, run_name=names[0], source=source, cutout_id=cutout_id)
        go("inspect", review=review.name)


def _position(found: CandidateLedger) -> str:
    cutout = found.cutout
    if cutout.ra_deg is None or cutout.dec_deg is None:
        return f"{found.source}, no position"
    return f"{found.source}, {cutout.ra_deg:.6f}° {cutout.dec_deg:+.6f}° ({cutout.position_from or 'given'})"


def _candidate_tables(found: CandidateLedger) -> None:
    st.markdown("**Whose votes**")
    if found.votes:
        _table([_vote_row(*entry) for entry in found.votes], key="ledger-votes")
    else:
        st.caption("No vote yet.")
    left, right = st.columns(2)
    with left:
        st.markdown("**Which run gave which score**")
        if found.scores:
            rows = [dict(zip(("run", "dataset", "score"), entry, strict=True)) for entry in found.scores]
            _table(rows, key="ledger-scores")
        else:
            st.caption("Not scored.")
    with right:
        st.markdown("**Which dataset versions hold it**")
        if found.memberships:
            _table([_membership_row(entry) for entry in found.memberships], key="ledger-members")
        else:
            st.caption("None: no network has learned from it.")
    if found.trained:
        st.caption(f"Networks that learned from it: {', '.join(found.trained)}.")


def _vote_row(review: str, vote: Any, counts: bool) -> dict[str, Any]:  # noqa: FBT001 - a stored triple
    return {
        "inspector": vote.inspector,
        "grade": vote.grade or "withdrawn",
        "contaminant": vote.contaminant or "",
        "comment": vote.comment or "",
        "review": review,
        "voted": datetime.fromtimestamp(vote.voted_at, UTC),
        "seconds": vote.seconds_spent,
        "score seen": vote.score_seen,
        "counts": counts,
    }


def _membership_row(entry: dict[str, Any]) -> dict[str, Any]:
    origin = read_origin(str(entry["label_from"]))
    said = f"votes of {', '.join(origin.inspectors)}" if origin.inspectors else origin.kind
    return {name: entry[name] for name in ("dataset", "part", "label")} | {"label from": said}


def _table(rows: list[dict[str, Any]], *, key: str) -> None:
    table = pd.DataFrame(rows)
    used = [name for name in table.columns if (table[name].notna() & (table[name].astype(str) != "")).any()]
    st.dataframe(
        table[used],
        hide_index=True,
        key=key,
        height="content",
        placeholder="–",
        column_config={
            "voted": st.column_config.DatetimeColumn(format="distance"),
            "seconds": st.column_config.NumberColumn(format="%.1f", help="Time spent on the candidate."),
        },
    )


def show_ledger_of_network(ws: Workspace) -> None:
    """Show which data and whose votes made a network, and what it scored."""
    names = [run.name for run in runs.list_runs(ws.database)]
    if not names:
        empty_state(
            "No network yet",
            "For every run this will show the dataset versions, sources, labels and inspectors behind it.",
            icon=":material/account_tree:",
        )
        return
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    with left:
        name = choose("run", names, label="Network of the run")
    found = ledger(ws, str(name))
    with right:
        st.markdown(_sentence(found))
    figures.show(
        ledger_figure(found, colours=figures.line_colours()),
        title=f"From labels to scores through {found.run.name}",
        caption=f"widths are numbers of cutouts in {found.versions[0].dataset.name} and of scores",
        csv=None,
        key="ledger-figure",
        height=300,
    )
    left, right = st.columns(2, gap="medium")
    with left:
        _versions(found.versions)
    with right:
        _origins(found)


def _sentence(found: RunLedger) -> str:
    run = found.run
    if found.members:
        names = ", ".join(f"{member.name} ({member.model})" for member in found.members)
        return (
            f"**{run.name}** is a committee: the {run.spec['combine']} of {names}, measured on "
            f"**{found.versions[0].dataset.name}** of {', '.join(found.sources)}."
        )
    warm = f", warm from {' ← '.join(parent.name for parent in found.parents)}" if found.parents else ""
    people = f"{len(found.inspectors)} inspectors' votes" if found.inspectors else "no votes"
    return (
        f"**{run.name}** ({run.model}{warm}) learned {relative_time(run.finished_at or run.created_at)} from "
        f"**{found.versions[0].dataset.name}** of {', '.join(found.sources)}, with {people} in its labels."
    )


def _versions(versions: tuple[DatasetDescription, ...]) -> None:
    st.markdown("**Dataset versions, newest first**")
    for version in versions:
        dataset = version.dataset
        with st.container(border=True, gap="xsmall"):
            st.markdown(f"**{dataset.name}** · {_sizes(dataset.counts)}")
            st.caption(_what_changed(version))
            st.caption(
                f"checksum `{dataset.checksum[:12]}`, frozen {relative_time(dataset.created_at)}",
                help=f"{dataset.checksum}, {absolute_time(dataset.created_at)}",
            )


def _sizes(counts: dict[str, dict[str, int]]) -> str:
    return " · ".join(f"{part} {number(sum(labels.values()))}" for part, labels in counts.items())


def _what_changed(version: DatasetDescription) -> str:
    changes = version.changes
    if changes is None:
        return "first version"
    parts = [f"{number(count)} added to {part}" for part, count in changes.added.items() if count]
    parts += [f"{number(count)} removed from {part}" for part, count in changes.removed.items() if count]
    parts += [f"{number(count)} relabelled {what}" for what, count in changes.relabelled.items() if count]
    test = "test part unchanged" if changes.test_unchanged else "test part changed"
    return f"since {version.parent}: {', '.join(parts) or 'nothing changed'}; {test}"


def _named(labels: dict[str, int]) -> dict[str, int]:
    return {figures.CLASS_NAMES.get(label, label): count for label, count in labels.items()}


def _origins(found: RunLedger) -> None:
    st.markdown("**Where the labels come from**")
    rows = [{"origin": KIND_NAMES.get(kind, kind), **_named(labels)} for kind, labels in found.labels.items()]
    _table(rows, key="ledger-origins")
    if found.inspectors:
        st.markdown("**Whose votes stand behind them**")
        _table(
            [{"inspector": name, "labels": count} for name, count in found.inspectors.items()],
            key="ledger-inspectors",
        )
        shares = [
            {"reviews": ", ".join(s.reviews), "inspectors": ", ".join(s.inspectors), **_named(s.labels)}
            for s in found.votes
        ]
        _table(shares, key="ledger-shares")
    if found.scored:
        st.markdown("**What it scored**")
        scored = [{"source": name, "scores": count} for name, count in found.scored.items()]
        _table(scored, key="ledger-scored")
