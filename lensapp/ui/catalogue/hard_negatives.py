"""The known non-lenses that a run takes for lenses: which would be added, freeze, retrain."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.catalogue.negatives_spec import HardNegativesSpec
from lensapp.core.inspect.review_spec import REVIEWED_FIRST
from lensapp.core.numerals import score_text
from lensapp.services.catalogue.feedback import parent_names
from lensapp.services.catalogue.hard_negatives import (
    NO_CLASS,
    HardNegativesPlan,
    NoneLeft,
    Nonlenses,
    best_unjudged,
    freeze_hard_negatives,
    hardest_known,
    known_nonlenses,
    plan_hard_negatives,
)
from lensapp.services.data.pictures import cutouts_by_id
from lensapp.services.next_step import NextStep
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.next_version import (
    MOST_PICTURES,
    choose_to_freeze,
    planned,
    rerun_with,
    show_retraining,
)
from lensapp.ui.catalogue.table import show_rows
from lensapp.ui.gallery.contact_sheet import contact_sheet
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import ButtonType, show_next_step
from lensapp.ui.shared.state import go
from lensapp.ui.shared.widgets import counted, empty_state, errors_shown, heading, number

KEY = "negatives"
VIEW = {"view": "feed-back", "of": "negatives"}  # in the address
WHAT_THEY_ARE = (
    "Known to be no lens, as labelled or graded X, and yet scored higher than the others: from these a "
    "network learns most."
)
ALL_JUDGED = (
    "All that is scored is labelled or graded, and nothing of it as a non-lens: import or score more."
)
UNJUDGED = "What of these is graded X can be added next."
FURTHER = ("class_column", "validation_share", "seed")


def show_hard_negatives(
    ws: Workspace, source: Source, run_name: str | None, *, scored: Sequence[Source]
) -> None:
    """Show the panel for a source and the run whose scores of it are looked at, None where it has none.

    Without scores a button leads to the first of the `scored` sources.
    """
    if run_name is None:
        _show_unscored(source, scored)
        return
    names = parent_names(ws, source.name, run_name=run_name)
    if not names:
        _say_no_version()
        return
    left, right = st.columns([3, 5], gap="large")
    with left, errors_shown():
        parent = st.selectbox(
            "Add them to the version",
            names,
            **kept("version", one_of(names), names[0], key=f"negatives-parent-{run_name}-{len(names)}"),
            help="It stays as it is; a new version is made. Suggested: that of the network, or its newest "
            "descendant.",
        )
        spec, known = _choose(ws, source)
    below = left.container()
    with right, errors_shown():
        if spec is None or known is None:
            return
        if not len(known.kind):
            title = f"No cutout of {source.name} is known to be no lens yet"
            if not _show_unjudged(ws, source, run_name, say=f"{plain(title)}. {UNJUDGED}", below=below):
                empty_state(title, ALL_JUDGED, icon=":material/gpp_bad:")
            return
        try:
            plan = _planned(ws, source, known, spec, run_name=run_name, parent=parent)
        except NoneLeft as reason:
            kind: ButtonType = "secondary" if show_retraining(ws) else "primary"
            say = f"{plain(str(reason))} {UNJUDGED}"
            if not _show_unjudged(ws, source, run_name, say=say, below=below, kind=kind):
                _show_hardest(
                    ws,
                    source,
                    known,
                    run_name,
                    say=f"{WHAT_THEY_ARE} {plain(str(reason))}",
                    below=below,
                    scored=scored,
                )
            return
        retrains = show_retraining(ws, negatives_of=source)
        if plan is not None:
            _show_plan(ws, plan, below=below, kind="secondary" if retrains else "primary")


def _say_no_version() -> None:
    box = empty_state(
        "There is no dataset version yet",
        "Non-lenses are added to a version that has lenses too: split labelled cutouts first, or feed "
        "votes back.",
        icon=":material/call_split:",
    )
    if box.button("Split", type="primary", icon=":material/call_split:", key="negatives-split"):
        go("split")


def _show_unscored(source: Source, scored: Sequence[Source]) -> None:
    """Say what scores would bring, and lead to them or to the first source that has some."""
    box = empty_state(
        f"{source.name} has no scores yet",
        "Once a network has scored it, those of its known non-lenses that the network takes for lenses "
        "can be added to the next dataset version, with their classes.",
        icon=":material/gpp_bad:",
    )
    with box.container(horizontal=True, horizontal_alignment="center"):
        for one in scored[:1]:
            _lead_to(one)
        kind: ButtonType = "secondary" if scored else "primary"
        icon = ":material/stacked_bar_chart:"
        if st.button(f"Score {source.name}", type=kind, icon=icon, key="negatives-score"):
            go("score", source=source.name)


def _show_unjudged(
    ws: Workspace,
    source: Source,
    run_name: str,
    *,
    say: str,
    below: DeltaGenerator,
    kind: ButtonType = "primary",
) -> bool:
    """Show the highest scores that nobody has judged, and offer to review them; return whether there are any.

    `say` is Markdown that tells why; the button, of this `kind`, stands in `below`.
    """
    ids, scores = best_unjudged(ws, source=source, run_name=run_name, limit=REVIEWED_FIRST)
    if not ids:
        return False
    names = {"source": source.name, "run": run_name}
    best = "the only one" if len(ids) == 1 else f"the best {len(ids)}"
    step = NextStep(f"Review {best} without a grade", "", "inspect", names, {}, "review")
    with below:
        show_next_step(step, "catalogue", key="negatives-review", kind=kind)
    heading(f"Highest scores of {run_name} that nobody has judged")
    st.caption(say)
    _show_scored(ws, ids, scores, run_name, key="unjudged")
    return True


def _show_hardest(
    ws: Workspace,
    source: Source,
    known: Nonlenses,
    run_name: str,
    *,
    say: str,
    below: DeltaGenerator,
    scored: Sequence[Source],
) -> None:
    """Show the known non-lenses with the highest scores though none is left to add; lead to another source.

    `say` is Markdown that tells why; what can be done stands in `below`.
    """
    with below:
        for other in [one for one in scored if one.id != source.id][:1]:
            _lead_to(other)
    ids, scores = hardest_known(ws, source=source, known=known, run_name=run_name, limit=MOST_PICTURES)
    heading(f"Non-lenses of {source.name} with the highest scores of {run_name}")
    st.caption(say)
    _show_scored(ws, ids, scores, run_name, key="hardest")


def _lead_to(source: Source) -> None:
    icon = ":material/gpp_bad:"
    if st.button(f"See those of {source.name}", type="primary", icon=icon, key="negatives-scored"):
        go("catalogue", view=VIEW, source=source.name)


def _show_scored(
    ws: Workspace,
    ids: Sequence[int],
    scores: Sequence[float],
    run_name: str,
    *,
    key: str,
    kinds: Sequence[str] | None = None,
) -> None:
    """Show the first of some cutouts with their scores and, where these are told, their classes."""
    lines = [score_text(float(score)) for score in scores[:MOST_PICTURES]]
    if kinds is not None:
        lines = [f"{line}\n{kind}" for line, kind in zip(lines, kinds, strict=False)]
    written = dict(zip(ids[:MOST_PICTURES], lines, strict=True))
    cutouts = cutouts_by_id(ws, list(written))
    contact_sheet(ws, cutouts, key=key, captions=[written[one.id] for one in cutouts], run_name=run_name)


def _planned(
    ws: Workspace, source: Source, known: Nonlenses, spec: HardNegativesSpec, *, run_name: str, parent: str
) -> HardNegativesPlan | None:
    """Return what would be added; of larger cutouts once their middle is asked for, else None."""
    return planned(
        lambda asked: plan_hard_negatives(
            ws, dataset_name=parent, source_name=source.name, run_name=run_name, spec=asked, known=known
        ),
        spec,
        key=f"negatives-middle-{parent}",
    )


def _choose(ws: Workspace, source: Source) -> tuple[HardNegativesSpec | None, Nonlenses | None]:
    """Ask which non-lenses are taken; return that, and those that are known."""
    above = st.container()
    with st.expander("Further settings"):
        entered = spec_fields(HardNegativesSpec, key=KEY, only=FURTHER, keep="")
        further = validated(HardNegativesSpec, entered)
    if further is None:
        return None, None
    known = known_nonlenses(ws, source, further)
    classes = sorted(set(known.kind.tolist()))
    unasked = () if {*classes} - {NO_CLASS} else ("classes", "even_classes")
    with above:
        entered |= spec_fields(
            HardNegativesSpec,
            key=KEY,
            skip=(*FURTHER, "crop", *unasked),
            offered={"classes": classes},
            keep="",
        )
    return validated(HardNegativesSpec, entered), known


def scores_in_words(scores: Sequence[float], run: str) -> str:
    """Return between which scores candidates lie, the highest first, or the one score that they have."""
    first, last = score_text(scores[0]), score_text(scores[-1])
    if first != last:
        return f"Scores by {run} from {first} down to {last}."
    return f"Score by {run}: {first}{'' if len(scores) == 1 else ' each'}."


def _show_plan(ws: Workspace, plan: HardNegativesPlan, *, below: DeltaGenerator, kind: ButtonType) -> None:
    """Show what a plan adds as pictures; freeze it with a button of this `kind` that stands in `below`."""
    scores = plan.columns["score"]
    ids, total = plan.columns["cutout_id"].tolist(), len(scores)
    st.markdown(f"### {chosen_of(plan)} of {plain(plan.source.name)} for {plain(plan.parent.name)}")
    rest = f" The first {MOST_PICTURES} are shown." if total > MOST_PICTURES else ""
    st.caption(f"{WHAT_THEY_ARE} {scores_in_words(scores.tolist(), plain(plan.run.name))}{rest}")
    told = set(plan.known) != {NO_CLASS}
    kinds = plan.columns["kind"].tolist() if told else None
    _show_scored(ws, ids, scores.tolist(), plan.run.name, key="hard-negatives", kinds=kinds)
    if told:
        heading("By class")
        show_rows(classes_table(plan), key="negatives-classes")
    with below:
        name = choose_to_freeze(ws, plan.parent, key="negatives", kind=kind, stacked=True)
        st.caption(" ".join(filter(None, [plain(left_out_of(plan)), "The test part stays as it is."])))
        if plan.graded:
            st.caption(f":material/info: {also_by_votes(plan)}")
    if name is not None:
        rerun_with(freeze_hard_negatives(ws, plan, name=name or None))


def chosen_of(plan: HardNegativesPlan) -> str:
    """Return how many non-lenses would be added, and of how many that are known where these are more."""
    total, known = len(plan.columns["score"]), sum(plan.known.values())
    if total == known:
        return counted(total, "non-lens")
    return f"{number(total)} of {counted(known, 'known non-lens')}"


def left_out_of(plan: HardNegativesPlan) -> str:
    """Return how many of the known non-lenses stay out, and why; nothing where all are added."""
    told = [f"{number(count)} {reason}" for reason, count in plan.passed_over.items()]
    told += [f"{number(count)} ({reason})" for reason, count in plan.refused.items()]
    return f"Not taken: {', '.join(told)}." if told else ""


def also_by_votes(plan: HardNegativesPlan) -> str:
    """Return that feeding votes back adds those graded X as well, and which of the two to freeze."""
    total = len(plan.columns["score"])
    if plan.graded < total:
        some = f"{number(plan.graded)} of them {'is' if plan.graded == 1 else 'are'}"
        return f"{some} graded X and also added by *Votes*: what one of the two froze the other leaves out."
    all_of_them = "It is" if total == 1 else f"All {number(total)} are"
    return f"{all_of_them} graded X and also added by *Votes*: freeze one of the two."


def classes_table(plan: HardNegativesPlan) -> pd.DataFrame:
    """Return one row per class of known non-lenses: how many there are, how many would be added, by score."""
    best: dict[str, float] = {}
    for kind, score in zip(plan.columns["kind"].tolist(), plan.columns["score"].tolist(), strict=True):
        best.setdefault(kind, score)
    return pd.DataFrame(
        {
            "class": kind,
            "known": plan.known[kind],
            "to be added": plan.added.get(kind, 0),
            "highest score": score_text(best[kind]) if kind in best else "–",
        }
        for kind in sorted(plan.known, key=lambda one: (-plan.added.get(one, 0), one))
    )
