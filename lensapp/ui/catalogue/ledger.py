"""The ledger: what made a network, and what is known about a candidate."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.numerals import score_text
from lensapp.core.train.network_specs import network_title
from lensapp.services.catalogue.label_origin import ORIGINS, read_origin
from lensapp.services.catalogue.ledger import (
    CandidateLedger,
    RunLedger,
    ledger,
    ledger_of_candidate,
    run_names,
)
from lensapp.services.data.pictures import read_pictures
from lensapp.services.inspect.similar import review_alike, run_to_make_features
from lensapp.services.score.neighbours import DEFAULT_COUNT, runs_with_features
from lensapp.storage.records import Source, Vote
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.ledger_figure import ledger_figure
from lensapp.ui.shared import figures
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.page_head import go_to_features
from lensapp.ui.shared.pictures import picture_data
from lensapp.ui.shared.state import choose, go, selected
from lensapp.ui.shared.widgets import (
    absolute_time,
    counted,
    counts_spaced,
    empty_state,
    number,
    relative_time,
    text_table,
)
from lensapp.ui.split.versions import changes_in_words

STILL_TRAINING = {
    "queued": "waits to be trained on",
    "running": "is training on",
    "pausing": "is training on",
    "stopping": "is training on",
    "stalled": "was training when its worker fell silent, on",
    "paused": "is paused in its training on",
}


def show_ledger_of_candidate(ws: Workspace, source: Source, cutout_id: int) -> None:
    """Show scores, votes and memberships of one candidate below its picture."""
    record = ledger_of_candidate(ws, cutout_id)
    if record is None:
        return
    cutout = record.cutout
    position = "no position"
    if cutout.ra_deg is not None and cutout.dec_deg is not None:
        position = f"{cutout.ra_deg:.6f}° {cutout.dec_deg:+.6f}° ({cutout.position_from or 'given'})"
    with st.container(border=True, key="candidate-ledger"):
        left, right = st.columns([2, 3], gap="small", vertical_alignment="center")
        with left:
            _, pictures = read_pictures(ws, source, [cutout_id])
            st.image(picture_data(pictures[0]), width="stretch", alt=plain(cutout.candidate_id))
        with right:
            st.markdown(f"**{plain(cutout.candidate_id)}**")
            st.caption(f"{plain(record.source)}, {position}")
            _offer_more_like(ws, source, cutout_id)
        _show_record(record)


def _offer_more_like(ws: Workspace, source: Source, cutout_id: int) -> None:
    """Open a review of those most similar, or lead to where the features that this needs are made."""
    names, key = runs_with_features(ws, source.name), f"more-like-{cutout_id}"
    if names:
        help_text = (
            f"Opens a review of the {DEFAULT_COUNT} most similar in the features of {plain(names[0])}."
        )
        if st.button("More like this", icon=":material/image_search:", key=key, help=help_text):
            review, _ = review_alike(ws, run_name=names[0], source=source, cutout_id=cutout_id)
            go("inspect", review=review.name)
        return
    run = run_to_make_features(ws, source, selected("run"))
    label = "Make features first" if run else "Train a network first"
    st.caption(f"To find more like it, {plain(source.name)} needs stored features.")
    if st.button(label, icon=":material/arrow_forward:", icon_position="right", key=key):
        go_to_features(source.name, run)


def _show_record(record: CandidateLedger) -> None:
    st.markdown("**Whose votes**")
    votes = [_vote_row(record, review, vote, counts=counts) for review, vote, counts in record.votes]
    _table_or(votes, empty="No vote yet.")
    st.markdown("**Which run gave which score**")
    scores = [
        {
            "run": run,
            "score": score_text(score),
            "calibrated": "" if probability is None else score_text(probability),
            "dataset": dataset,
        }
        for run, dataset, score, probability in record.scores
    ]
    _table_or(scores, empty="Not scored.")
    st.markdown("**Which dataset versions hold it**")
    memberships = []
    for entry in record.memberships:
        origin = read_origin(str(entry["label_from"]))
        label_from = ORIGINS.get(origin.kind, origin.kind)
        if origin.inspectors:
            label_from = f"votes of {', '.join(origin.inspectors)}"
        part, label = str(entry["part"]), str(entry["label"])
        row = {
            "dataset": str(entry["dataset"]),
            "part": figures.PART_NAMES.get(part, part),
            "label": figures.CLASS_NAMES.get(label, label),
        }
        memberships.append(row | {"label from": label_from})
    _table_or(memberships, empty="None: no network has learned from it.")
    if record.trained:
        st.caption(f"Networks that learned from it: {plain_all(record.trained)}.")


def _vote_row(record: CandidateLedger, review: str, vote: Vote, *, counts: bool) -> dict[str, str]:
    """Return what the ledger tells of a vote."""
    grade = vote.grade or "withdrawn"
    remarks = [] if counts else ["counts no more"]
    remarks += [vote.contaminant] if vote.contaminant else []
    remarks += [f"“{vote.comment}”"] if vote.comment else []
    remarks += ["score was seen"] if vote.score_seen else []
    seconds = vote.seconds_spent
    return {
        "inspector": vote.inspector,
        "grade": f"{grade}, withdrawn" if vote.id in record.withdrawn else grade,
        "review": review,
        "voted": relative_time(vote.voted_at) + (f" in {number(seconds, digits=2)} s" if seconds else ""),
        "remarks": ", ".join(remarks),
    }


def _table_or(rows: Sequence[dict[str, str]], *, empty: str) -> None:
    """Show rows in the narrow place beside the candidates, or say what no row means."""
    if rows:
        text_table(rows)
    else:
        st.caption(empty)


def _show_ledger_table(rows: list[dict[str, Any]], *, key: str) -> None:
    """Show a small table as it is."""
    table = counts_spaced(pd.DataFrame(rows))
    st.dataframe(table, hide_index=True, key=key, height="content", placeholder="–")


def show_ledger_of_network(ws: Workspace) -> None:
    """Show which data and whose votes made a network, and what it scored."""
    names = run_names(ws)
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
    record = ledger(ws, str(name))
    if not record.sources and not record.members:
        with right:
            network = plain(network_title(record.run.model))
            st.markdown(f"**{plain(record.run.name)}** ({network}) was made elsewhere.")
        st.caption("What it learned from is not in this workspace, so that no label or vote can be followed.")
        return
    with right:
        st.markdown(_sentence(record))
    figures.show_figure(
        ledger_figure(record, colours=figures.line_colours()),
        title=f"From labels to scores through {record.run.name}",
        caption=f"widths are numbers of cutouts in {record.versions[0].dataset.name} and of scores",
        csv=None,
        key="ledger-figure",
        height=300,
    )
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Dataset versions, newest first**")
        for version in record.versions:
            dataset, changes = version.dataset, version.changes
            sizes = [
                f"{figures.PART_NAMES.get(part, part)} {number(sum(labels.values()))}"
                for part, labels in dataset.counts.items()
            ]
            history = "first version"
            if changes is not None:
                history = f"since {version.parent}: {', '.join(changes_in_words(changes))}"
            with st.container(border=True, gap="xsmall"):
                st.markdown(f"**{plain(dataset.name)}** · {plain(' · '.join(sizes))}")
                st.caption(plain(history))
                st.caption(
                    f"checksum `{dataset.checksum[:12]}`, frozen {relative_time(dataset.created_at)}",
                    help=f"{dataset.checksum}, {absolute_time(dataset.created_at)}",
                )
    with right:
        _show_origins(record)


def _sentence(record: RunLedger) -> str:
    run = record.run
    if record.members:
        names = ", ".join(
            f"{plain(member.name)} ({plain(network_title(member.model))})" for member in record.members
        )
        return (
            f"**{plain(run.name)}** is a committee: the {run.spec['combine']} of {names}, measured on "
            f"**{plain(record.versions[0].dataset.name)}** of {plain_all(record.sources)}."
        )
    parents = " ← ".join(plain(parent.name) for parent in record.parents)
    warm = f", warm from {parents}" if parents else ""
    people = f"votes of {counted(len(record.inspectors), 'inspector')}" if record.inspectors else "no votes"
    return (
        f"**{plain(run.name)}** ({plain(network_title(run.model))}{warm}) {_learned(record)} "
        f"**{plain(record.versions[0].dataset.name)}** of {plain_all(record.sources)}, with {people} in its "
        "labels."
    )


def _learned(record: RunLedger) -> str:
    """Return how far a network has come, as words before what it learns from."""
    if record.state in STILL_TRAINING:
        return STILL_TRAINING[record.state]
    when = relative_time(record.run.finished_at or record.run.created_at)
    ended = {"failed": "failed", "stopped": "was stopped"}.get(record.state)
    return f"whose training {ended} {when}, learned from" if ended else f"learned {when} from"


def _with_class_names(labels: dict[str, int]) -> dict[str, int]:
    return {figures.CLASS_NAMES.get(label, label): count for label, count in labels.items()}


def _show_origins(record: RunLedger) -> None:
    st.markdown("**Where the labels come from**")
    rows = [
        {"origin": ORIGINS.get(kind, kind), **_with_class_names(labels)}
        for kind, labels in record.labels.items()
    ]
    _show_ledger_table(rows, key="ledger-origins")
    if record.inspectors:
        st.markdown("**Whose votes stand behind them**")
        _show_ledger_table(
            [{"inspector": name, "labels": count} for name, count in record.inspectors.items()],
            key="ledger-inspectors",
        )
        shares = [
            {
                "reviews": ", ".join(share.reviews),
                "inspectors": ", ".join(share.inspectors),
                **_with_class_names(share.labels),
            }
            for share in record.votes
        ]
        _show_ledger_table(shares, key="ledger-shares")
    if record.scored:
        st.markdown("**What it scored**")
        scored = [{"source": name, "scores": count} for name, count in record.scored.items()]
        _show_ledger_table(scored, key="ledger-scored")
