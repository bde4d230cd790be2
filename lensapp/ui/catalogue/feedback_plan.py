"""What feeding votes back would change, in numbers and pictures, and what stays out and why."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from lensapp.core.catalogue import feedback_rules
from lensapp.core.catalogue.contradictions import Contradictions
from lensapp.core.catalogue.feedback_rules import ADDED, RELABELLED
from lensapp.core.plurals import noun
from lensapp.core.split.splits import LABELS
from lensapp.services.catalogue.feedback_plans import OWN_LABEL, FeedbackPlan
from lensapp.services.catalogue.hasty_votes import HastyVotes, all_are_hasty
from lensapp.services.data.pictures import cutouts_by_id
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.next_version import MOST_PICTURES, labels_in_words, reviews_in_words
from lensapp.ui.catalogue.table import class_name, show_rows
from lensapp.ui.gallery.contact_sheet import contact_sheet
from lensapp.ui.shared.figures import PART_NAMES
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.widgets import counted, heading, number, text_table

ORIGIN_WORDS = {"demo": "the demo's truth", "import": "the imported catalogue"}
UNGRADED = "no vote"
ONLY_HASTY = "only hasty votes"
ONE_LINE = 9  # letters of grades that leave room for the label beside them, below pictures as small as usual
STAYS = "Nothing to do: networks of all versions are measured on the same."
REMEDIES = {
    feedback_rules.CONFIRMED: "Nothing to do: the version has the same label.",
    OWN_LABEL: "Nothing to do: they are in the version.",
    feedback_rules.KEPT: "Switch “Relabel” on if the votes are to count more.",
    feedback_rules.LABELLED_OTHERWISE: "Look at them again. Switch “Relabel” on if the votes are to count "
    "more.",
    feedback_rules.FEW_VOTES: "Let more inspectors grade them, or lower “Fewest votes”.",
    feedback_rules.IGNORED_GRADE: "Grade them anew, or give their grade a meaning above.",
    feedback_rules.CONTRADICTED: "Let one more inspector grade them, or switch “Leave out contradicted” off.",
    feedback_rules.IN_TEST: STAYS,
    feedback_rules.OBJECT_IN_TEST: STAYS,
    feedback_rules.IN_SECOND_TEST: STAYS,
    feedback_rules.OBJECT_IN_SECOND_TEST: STAYS,
    feedback_rules.BETWEEN_PARTS: "Leave them out, or split anew with a smaller radius of groups.",
    UNGRADED: "Grade them in Inspect.",
    ONLY_HASTY: "Grade them anew, at leisure, or switch “Count hasty votes” on.",
}


def show_what_changes(plan: FeedbackPlan) -> None:
    """Say how many labels a plan adds and changes, and show how many each part then has."""
    st.markdown(f"### {plain(headline(plan))}")
    parts = [PART_NAMES.get(part, part) for part, labels in plan.added.items() if sum(labels.values())]
    into = f"New cutouts join the {' and '.join(parts)} part. " if parts else ""
    st.caption(
        f"{into}By {_votes(plan)}. The test part stays as it is; {plain(plan.parent.name)} stays, too."
    )
    counts = counts_table(plan)
    right = st.column_config.TextColumn(alignment="right")
    show_rows(counts, key="feedback-counts", **dict.fromkeys(counts.columns[1:], right))


def headline(plan: FeedbackPlan) -> str:
    """Return what a plan changes: "27 new lenses and 73 new non-lenses for sky-v1, 2 labels change"."""
    added: dict[str, int] = {}
    for labels in plan.added.values():
        for label, count in labels.items():
            added[label] = added.get(label, 0) + count
    changed = sum(plan.relabelled.values())
    words = labels_in_words(added, new=True)
    if not words:
        return f"{counted(changed, 'label')} of {plan.parent.name} would change"
    also = f"; {counted(changed, 'label')} would change" if changed else ""
    return f"{words} for {plan.parent.name}{also}"


def _votes(plan: FeedbackPlan) -> str:
    graded = counted(sum(plan.outcomes.values()), "graded candidate")
    return f"the votes of {reviews_in_words(plan.reviews)} on {graded}"


def counts_table(plan: FeedbackPlan) -> pd.DataFrame:
    """Return one row per part: numbers of each label in the parent and in the new version."""
    rows = []
    for part, labels in plan.counts.items():
        before = plan.parent.counts.get(part, {})
        row: dict[str, str] = {"part": PART_NAMES.get(part, part)}
        for label in sorted({*labels, *before}):
            now, then = labels.get(label, 0), before.get(label, 0)
            change = f" ({'+' if now > then else ''}{number(now - then)})" if now != then else ""
            row[class_name(label)] = f"{number(now)}{change}"
        rows.append(row)
    return pd.DataFrame(rows)


def show_changed(ws: Workspace, plan: FeedbackPlan) -> None:
    """Show the cutouts that would be added or relabelled, by the label they would get."""
    outcome, label = plan.columns["outcome"], plan.columns["label"]
    of_kind = {
        f"New {noun(2, class_name(kind))}": (kind, (outcome == ADDED) & (label == kind)) for kind in LABELS
    }
    of_kind["Labels that change"] = ("changed", outcome == RELABELLED)
    shown = {title: (key, np.flatnonzero(which)) for title, (key, which) in of_kind.items() if which.any()}
    for place, (title, (key, rows)) in enumerate(shown.items()):
        _show_some(ws, plan, rows, title=title, key=key, with_controls=place == 0)


def _show_some(
    ws: Workspace, plan: FeedbackPlan, rows: NDArray[np.int64], *, title: str, key: str, with_controls: bool
) -> None:
    """Show the cutouts of some rows of a plan with their grade and label, the highest grades first."""
    rows = rows[np.argsort(-plan.columns["mean"][rows].astype(float), kind="stable")]
    captions_by_id = {int(plan.columns["cutout_id"][row]): _caption(plan, row) for row in rows.tolist()}
    cutouts = cutouts_by_id(ws, list(captions_by_id)[:MOST_PICTURES])
    rest = f", the first {len(cutouts)} shown" if len(cutouts) < len(rows) else ""
    heading(f"{title}: {number(len(rows))}{rest}")
    captions = [captions_by_id[one.id] for one in cutouts]
    contact_sheet(ws, cutouts, key=f"feedback-{key}", captions=captions, with_controls=with_controls)


def _caption(plan: FeedbackPlan, row: int) -> str:
    """Return the grades given to a cutout and the label it would get, below it the one that this replaces."""
    grades, label = str(plan.columns["cast"][row]), str(plan.columns["label"][row])
    before = next(name for name in LABELS if name != label)
    was = f"\nwas {class_name(before)}" if plan.columns["outcome"][row] == RELABELLED else ""
    between = "\n" if len(grades) > ONE_LINE else " "
    return f"{grades}{between}→ {class_name(label)}{was}"


def show_what_stays_out(plan: FeedbackPlan) -> None:
    """Show how many candidates become no label, why, and what can be done about it."""
    if rows := stays_out(plan):
        heading("What adds no label")
        text_table(rows)


def stays_out(plan: FeedbackPlan) -> list[dict[str, str | int]]:
    """Return a row per reason why candidates add or change no label, with what can be done about it."""
    counts = {name: count for name, count in plan.outcomes.items() if name not in (ADDED, RELABELLED)}
    if plan.ungraded:
        counts[UNGRADED] = plan.ungraded
    if plan.only_hasty:
        counts[ONLY_HASTY] = plan.only_hasty
    return [
        {"reason": reason, "candidates": count, "what to do": REMEDIES.get(reason, "–")}
        for reason, count in sorted(counts.items(), key=lambda one: -one[1])
    ]


def why_nothing_changes(plan: FeedbackPlan, *, instead: Source | None = None) -> str:
    """Say why votes neither add nor change a label, what Relabel would do, and what else there is to do.

    `instead` is a source without labels whose candidates would be added.
    """
    held, graded = sum(plan.held_origins.values()), sum(plan.outcomes.values())
    name, known = plan.parent.name, ORIGIN_WORDS.keys() & plan.held_origins.keys()
    if not known:
        return plain(f"Nothing in {name} would change: grade further candidates or change the rules.")
    words = " and ".join(text for origin, text in ORIGIN_WORDS.items() if origin in known)
    who = f"all {counted(graded, 'graded candidate')}"
    if held < graded:
        who = f"{number(held)} of the {counted(graded, 'graded candidate')}"
    said = f"Nothing would change: {who} are in {name} already, with labels from {words}, which stay."
    if "demo" in known:
        said += " That is normal for a demo survey with labels, which has one for every candidate."
    if count := sum(plan.kept_origins.values()):
        said += f" With Relabel on the votes count more: {counted(count, 'label')} would change."
    where = "candidates without a label" if instead is None else f"{instead.name}, which has no labels,"
    return plain(f"{said} Votes on {where} would be added.")


def say_what_becomes_of_labels(plan: FeedbackPlan) -> None:
    """Say how many labels of other origin the votes change, or would change if relabelling were on."""
    for origin, words in ORIGIN_WORDS.items():
        if count := plan.replaced_origins.get(origin, 0):
            st.warning(
                f"{counted(count, 'label')} from {words} would change. "
                "Switch Relabel off to keep known labels.",
                icon=":material/warning:",
            )
    if count := sum(plan.kept_origins.values()):
        words = " and ".join(name for origin, name in ORIGIN_WORDS.items() if origin in plan.kept_origins)
        of_origin = f" from {words}" if words else ""
        st.info(
            f"{counted(count, 'label')}{of_origin} would change with Relabel on: the votes say otherwise. "
            "Known labels stay unless you switch it on.",
            icon=":material/shield:",
        )
    if count := plan.outcomes.get(feedback_rules.LABELLED_OTHERWISE, 0):
        st.info(
            f"{counted(count, 'candidate')} would get another label than the one that their source gives: "
            f"{'it is' if count == 1 else 'they are'} left out unless Relabel is on.",
            icon=":material/shield:",
        )
    if plan.overruled:
        st.warning(
            f"{counted(plan.overruled, 'new label')} would contradict those that the sources give. Switch "
            "Relabel off to leave these candidates out.",
            icon=":material/warning:",
        )


def say_that_all_is_hasty(review_names: Sequence[str]) -> None:
    """Say that the votes make no label, as each of them was given too fast to have seen the picture."""
    st.info(
        f"{all_are_hasty(plain_all(review_names))} Nothing changes with them. Grade the candidates anew, at "
        "leisure, or switch *Count hasty votes* on.",
        icon=":material/timer_off:",
    )


def say_what_is_hasty(hasty: HastyVotes) -> None:
    """Say how many votes behind the labels were given too fast to have seen the pictures, or are left out."""
    if hasty.left_out and hasty:
        st.info(plain(hasty.in_words()), icon=":material/timer_off:")
    elif hasty:
        st.warning(
            f"{plain(hasty.in_words())} Switch *Count hasty votes* off to leave them out.",
            icon=":material/timer:",
        )


def say_what_contradicts(contradictions: Contradictions) -> None:
    """Say how many labels rest on votes for lens and for non-lens, and how many are left out for that."""
    said = plain(contradictions.in_words())
    if contradictions.undecided and not contradictions.weighted:
        said += " *Leave out contradicted*, among the further rules, leaves them out."
        st.warning(said, icon=":material/balance:")
    elif contradictions:
        st.info(said, icon=":material/balance:")
