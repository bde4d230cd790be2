"""What a table of scores holds, as a sentence to confirm, and what its import would give."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.errors import LensAppError
from lensapp.core.plurals import first_of
from lensapp.core.score.score_table_spec import ScoreTableSpec
from lensapp.services.score import score_imports
from lensapp.services.score.score_previews import (
    BY_POSITION,
    COUNTED_ROWS,
    ColumnCount,
    DryCount,
    ScoreTableLook,
    count_scores,
    look_at_table,
    usual_ids,
)
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import digest, kept, one_of, several_of, switch, will_hold
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.widgets import counted, error_box, errors_shown, number

SOURCE, IDS, SCORES, LOW = "table_source", "table_ids", "table_scores", "table_low"
CHOICES = (SOURCE, IDS, SCORES, LOW)
"""Choices about a table, which another one begins without: names in the address and keys of widgets."""
JOINING = ("radius_arcsec", "ra_column", "dec_column")
MOST_NAMED = 3
TINT = "background-color: rgba(86, 180, 233, 0.16)"  # readable on both themes
HIGH_MEANS = {False: "a high value means a lens", True: "a low value means a lens"}


@dataclass(frozen=True)
class Chosen:
    """What the parts of the sentence say: of which source, and how the table is read."""

    source: Source
    ids: str
    scores: tuple[str, ...]
    values: dict[str, Any]

    def spec(self) -> ScoreTableSpec | None:
        """Return the settings of the import; None where they cannot be, which is shown."""
        by_position = self.ids == BY_POSITION
        joined = {"join": "position"} if by_position else {"join": "id", "id_column": self.ids}
        return validated(ScoreTableSpec, self.values | joined | {"scores": self.scores})


def check_and_import(
    ws: Workspace, file: Path, ready: Sequence[Source], source: Source, *, queued: str
) -> Source:
    """Show what a table holds and would give, and import it once confirmed; return the source it is of.

    The state called `queued` is set then.
    """
    try:
        with st.spinner(f"Reading the first rows of {plain(file.name)}…"):
            look = look_at_table(ws, file)
    except LensAppError as error:
        error_box(error)
        return source
    with st.container(border=True, gap="small"):
        chosen, slots = _sentence(ws, file, look, ready, source)
        below = st.container()
        _preview(look, chosen)
    if not chosen.scores:
        st.caption("Which columns hold scores? Choose them above: each becomes a run.")
        return chosen.source
    spec = chosen.spec()
    count = None if spec is None else _count(ws, file, look, chosen.source, spec=spec, slots=slots)
    if spec is not None and count is not None:
        with below:
            spec = spec.replaced(**_ask_scale(count, file))
        _tell(count, chosen.source)
        _confirm(ws, file, chosen.source, spec, count, queued=queued)
    return chosen.source


def measured_by(dataset: str | None, source: str) -> str:
    """Say by the labels and parts of which dataset version imported scores are measured."""
    if dataset is None:
        return f"No dataset version has cutouts of {plain(source)}, so none can measure the scores."
    return f"The labels and parts of {plain(dataset)} measure the scores."


def _sentence(
    ws: Workspace, file: Path, look: ScoreTableLook, ready: Sequence[Source], source: Source
) -> tuple[Chosen, tuple[DeltaGenerator, DeltaGenerator]]:
    """Show what was recognised, each part with what changes it.

    Return what is chosen, and where in the sentence the count and the limits of the scores go.
    """
    names = [one.name for one in ready]
    of_source = one_of(names)
    source = next(one for one in ready if one.name == will_hold(SOURCE, of_source, source.name, key=SOURCE))
    by_id, usual_id = one_of([*look.names, BY_POSITION]), usual_ids(ws, file, source)
    several, usual_scores = several_of(look.names), list(look.score_columns[:1])
    ids = will_hold(IDS, by_id, usual_id, key=IDS)
    scores = will_hold(SCORES, several, usual_scores, key=SCORES)
    low = will_hold(LOW, switch(), default=False, key=LOW)
    row = st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="scores-sentence")
    with row:
        about = "about " if look.rows > look.read else ""
        st.markdown(f"**{about}{counted(look.rows, 'row')}** in {plain(file.name)},", width="content")
        with _part(_ids_words(ids), "ids"):
            st.selectbox(
                "Column of IDs", [*look.names, BY_POSITION], **kept(IDS, by_id, usual_id, key=IDS), width=320
            )
            values = {}
            if ids == BY_POSITION:
                values = spec_fields(
                    ScoreTableSpec, key="import-scores", only=JOINING, columns=1,
                    offered=dict.fromkeys(JOINING[1:], look.names),
                )  # fmt: skip
        joined = st.empty()
        with _part(f"cutouts of {source.name}", "source"):
            st.selectbox("Scores of source", names, **kept(SOURCE, of_source, source.name, key=SOURCE))
        with _part(_scores_words(scores), "scores"):
            st.multiselect(
                "Columns of scores",
                look.names,
                placeholder="each becomes a run",
                **kept(SCORES, several, usual_scores, key=SCORES),
            )
            values |= _ask_no_score(look, scores, file)
        limits = st.empty()
        with _part(HIGH_MEANS[low], "low"):
            st.toggle(
                "A low value means a lens",
                help="Scores are reversed then.",
                **kept(LOW, switch(), default=False, key=LOW),
            )
    chosen = Chosen(source, ids, tuple(scores), values | {"lower_is_better": low})
    return chosen, (joined, limits)


def _part(words: str, key: str) -> DeltaGenerator:
    """Return the fold of a part of the sentence, which opens what changes it."""
    return st.popover(plain(words), type="tertiary", key=f"import-scores-part-{key}")


def _ids_words(ids: str) -> str:
    return "joined by position" if ids == BY_POSITION else f"IDs in {ids}"


def _scores_words(scores: Sequence[str]) -> str:
    return f"scores in {first_of(scores, MOST_NAMED)}" if scores else "no column of scores recognised"


def _ask_no_score(look: ScoreTableLook, scores: Sequence[str], file: Path) -> dict[str, Any]:
    """Ask which number stands for no score, at first that which the columns have."""
    none = next((look.numbers[name].none for name in scores if name in look.numbers), None)
    key = f"import-scores-{digest([str(file), *scores])}"
    return spec_fields(ScoreTableSpec, key=key, values={"no_score": none}, only=("no_score",), columns=1)


def _ask_scale(count: DryCount, file: Path) -> dict[str, Any]:
    """Say which columns have values outside 0 to 1, and ask how these are read."""
    outside = [one for one in count.columns if one.outside]
    if not outside:
        return {}
    told = [
        f"{counted(one.outside, 'value')} of {plain(one.column)} outside 0–1 ({_span(one)})"
        for one in outside
    ]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="scores-outside"):
        st.markdown(
            f":orange[:material/warning:] {first_of(told, MOST_NAMED)}: say what they are.", width="content"
        )
        with st.container(width="content"):
            key = f"import-scores-{digest([str(file)])}"
            return spec_fields(ScoreTableSpec, key=key, only=("scale",), columns=1)


def _span(column: ColumnCount) -> str:
    """Return the lowest and the highest value of a column."""
    return f"{number(column.low)} to {number(column.high)}"


def _preview(look: ScoreTableLook, chosen: Chosen) -> None:
    """Show the first rows, the columns that are taken first and marked."""
    marks = dict.fromkeys(chosen.scores, "score")
    if chosen.ids == BY_POSITION:
        given = [chosen.values.get(name) for name in ("ra_column", "dec_column")]
        marks |= dict.fromkeys([name for name in given if name] or look.position_columns, "position")
    else:
        marks = {chosen.ids: "ID"} | marks
    order = [*(name for name in marks if name in look.first), *(n for n in look.names if n not in marks)]
    table = pd.DataFrame({name: look.first[name] for name in order if name in look.first})
    marked = [name for name in table if name in marks]
    st.dataframe(
        table.style.set_properties(subset=marked, **dict([TINT.split(": ")])),
        hide_index=True,
        height="content",
        column_config={name: st.column_config.TextColumn(f"{name} · {marks[name]}") for name in marked},
        key="import-scores-preview",
    )
    rest = (
        f" of {'about ' if look.rows > look.read else ''}{number(look.rows)}"
        if look.rows > len(table)
        else ""
    )
    st.caption(f"The first {counted(len(table), 'row')}{rest}.")


def _count(
    ws: Workspace,
    file: Path,
    look: ScoreTableLook,
    source: Source,
    *,
    spec: ScoreTableSpec,
    slots: tuple[DeltaGenerator, DeltaGenerator],
) -> DryCount | None:
    """Count what an import would give and say so in the sentence; None where it cannot be imported."""
    key = f"import-scores-whole-{digest([str(file)])}"
    whole = look.rows <= COUNTED_ROWS or st.session_state.get(key, False)
    try:
        with st.spinner(f"Counting the rows that are cutouts of {plain(source.name)}…"):
            count = count_scores(ws, file=file, source=source, spec=spec, whole=whole)
    except LensAppError as error:
        ids = _ids_words(BY_POSITION if spec.join == "position" else str(spec.id_column))
        error_box(error, labels=dict.fromkeys(("--id", "--join"), ids))
        return None
    of_read = "" if count.whole else f" of the first {number(count.rows)}"
    slots[0].markdown(f"{number(count.joined)}{of_read} are", width="content")
    if len(count.columns) == 1:
        none = "" if spec.no_score is None else f", {number(spec.no_score)} for none"
        slots[1].markdown(f"from {_span(count.columns[0])}{none}", width="content")
    if not count.whole:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(
                f":material/info: Counted in {number(count.rows)} of about {number(look.rows)} rows.",
                width="content",
            )
            if st.button("Count all rows", key="import-scores-count", type="tertiary"):
                st.session_state[key] = True
                st.rerun()
    return count


def _tell(count: DryCount, source: Source) -> None:
    """Say how many cutouts would have a score, how many not, and what becomes of the other rows."""
    lines = []
    for one in count.columns:
        name = f"{plain(one.column)}: " if len(count.columns) > 1 else ""
        rest = count.cutouts - one.scored
        stay = "stays" if rest == 1 else "stay"
        left = (
            " from these rows" if not count.whole else f", {number(rest)} {stay} without one" if rest else ""
        )
        of = f"of the {counted(count.cutouts, 'cutout')} of {plain(source.name)}"
        gets = "gets a score" if one.scored == 1 else "get a score"
        lines.append(f"{name}**{number(one.scored)}** {of} {gets}{left}.")
    others = [
        (count.unknown, "not of this source"),
        (count.without_key, "without an ID or a position"),
        (count.farther, "farther than another row of the same cutout"),
        (count.duplicates, "doubled, of which the highest score counts"),
        (max(one.no_number for one in count.columns), "without a number"),
    ]
    told = [f"{number(rows)} {words}" for rows, words in others if rows]
    rows = f" Rows left out: {', '.join(told)}." if told else " Every row belongs to a cutout of its own."
    st.markdown("  \n".join(lines) + ("  \n" if len(lines) > 1 else "") + rows)
    for warning in count.warnings:
        st.warning(plain(in_page_words(warning)), icon=":material/warning:")


def _confirm(
    ws: Workspace, file: Path, source: Source, spec: ScoreTableSpec, count: DryCount, *, queued: str
) -> None:
    """Ask for the name of the run and import."""
    refused = spec.scale == "as_is" and any(one.outside for one in count.columns)
    scored = sum(one.scored for one in count.columns)
    usual = score_imports.free_name(ws, spec.scores, file=file)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(width=320):
            name = st.text_input(
                "Name of the run" if len(spec.scores) == 1 else "Name of the runs, before that of the column",
                key=f"import-scores-name-{digest([str(file)])}",
                placeholder=usual,
            )
        started = st.button(
            f"Import {counted(scored, 'score')}" if count.whole else "Import the scores",
            type="primary",
            icon=":material/download:",
            key="import-scores-start",
            disabled=refused or not scored,
        )
    st.caption(measured_by(score_imports.usual_dataset(ws, source.name), source.name))
    if started:
        with errors_shown():
            score_imports.start_score_import(
                ws, file=file, source_name=source.name, spec=spec, name=name.strip() or usual
            )
            st.session_state[queued] = True
            st.rerun()
