"""Take in the scores that another program gave to the cutouts of a source, from a table."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.core.score.score_table_spec import ScoreTableSpec
from lensapp.services.score import score_imports
from lensapp.services.train.job_control import latest_job
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.job_controls import watch_job
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.state import go, selected
from lensapp.ui.shared.widgets import counted, error_box, errors_shown, number

KIND = "import-scores"
POSITION = "none: join by position"
FURTHER = ("radius_arcsec", "ra_column", "dec_column", "scale", "no_score")
LOST = {
    "without_key": "without an ID or a position",
    "unknown": "not of this source",
    "farther": "farther than another row of the same cutout",
    "duplicates": "doubled (the highest score counts)",
}
JOINED_BY = {"id": "ID", "position": "position"}
COLUMNS = {
    "run": "run",
    "column": "column",
    "scored": "cutouts scored",
    "unscored": "without a score",
    "no_number": "cells without a number",
    "outside": "values outside 0–1",
    "contradicting": "scores that differ",
}


def show_score_import(ws: Workspace, ready: list[Source], *, expanded: bool = False) -> None:
    """Show the form, the import under way and what the last one of the source counted."""
    with st.expander("Import scores of another program", icon=":material/upload:", expanded=expanded):
        cells = st.columns([3, 2, 2], vertical_alignment="bottom")
        file = cells[0].text_input(
            "Table of scores",
            key="import-scores-file",
            placeholder="/path/scores.parquet",
            help="CSV, ECSV, FITS, VOTable or Parquet: its path on the machine that runs the app.",
        )
        names, chosen = [one.name for one in ready], selected("source")
        index = names.index(chosen) if chosen in names else 0
        source = str(cells[1].selectbox("Scores of source", names, index=index, key="import-scores-source"))
        name = cells[2].text_input("Name of the run", key="import-scores-name", placeholder="as the file")
        if file.strip():
            _ask_columns(ws, Path(file.strip()).expanduser(), source=source, name=name.strip() or None)
        if not watch_job(ws, KIND, source=source):
            _show_outcome(ws, source)


def _ask_columns(ws: Workspace, file: Path, *, source: str, name: str | None) -> None:
    """Ask which columns of a table hold IDs and scores, and queue the import."""
    try:
        header = score_imports.header_of(file)
    except LensAppError as error:
        error_box(error)
        return
    left, middle, right = st.columns([2, 4, 2], vertical_alignment="bottom")
    ids = [*header.names, POSITION]
    usual = header.id_column or POSITION
    id_column = left.selectbox("Column of IDs", ids, index=ids.index(usual), key=f"import-scores-id-{file}")
    columns = middle.multiselect(
        "Columns of scores",
        [one for one in header.names if one != id_column],
        key=f"import-scores-columns-{file}",
        placeholder="each becomes a run",
    )
    higher = right.toggle(
        "Higher is better", value=True, key="import-scores-higher", help="Off: a low value means a lens."
    )
    with st.popover("More settings", icon=":material/tune:"):
        further = spec_fields(ScoreTableSpec, key="import-scores", only=FURTHER)
    st.caption(_measured_by(score_imports.usual_dataset(ws, source), source))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        started = st.button(
            "Import the scores", type="primary", key="import-scores-start", disabled=not columns
        )
        if not columns:
            st.caption("Choose the columns that hold scores: each becomes a run.", width="content")
    if not started:
        return
    joined: dict[str, Any] = {"join": "id", "id_column": id_column}
    if id_column == POSITION:
        joined = {"join": "position"}
    spec = validated(
        ScoreTableSpec, further | joined | {"scores": tuple(columns), "lower_is_better": not higher}
    )
    if spec is None:
        return
    with errors_shown():
        score_imports.start_score_import(ws, file=file, source_name=source, spec=spec, name=name)
        st.rerun()


def _measured_by(dataset: str | None, source: str) -> str:
    """Say by the labels and parts of which dataset version imported scores are measured."""
    if dataset is None:
        return f"No dataset version has cutouts of {plain(source)}, so none can measure the scores."
    return f"The labels and parts of {plain(dataset)} measure the scores."


def _show_outcome(ws: Workspace, source: str) -> None:
    """Say what the last import of scores of a source stored and what of its table it did not."""
    job = latest_job(ws, KIND, source=source)
    if job is None or job.state != "done" or not job.result:
        return
    result = job.result
    lost = [f"{number(int(result[key]))} {words}" for key, words in LOST.items() if result[key]]
    st.markdown(
        f"**{plain(Path(str(job.payload['file'])).name)}**: {counted(int(result['rows']), 'row')}, "
        f"joined by {JOINED_BY[result['joined_by']]}: "
        f"{', '.join(lost) or 'every row belongs to a cutout of its own'}. "
        f"{_measured_by(result['dataset'], source)}"
    )
    for warning in result["warnings"]:
        st.warning(plain(in_page_words(warning)), icon=":material/warning:")
    table = pd.DataFrame(result["runs"])[list(COLUMNS)].rename(columns=COLUMNS)
    st.dataframe(table, hide_index=True, key=f"import-scores-outcome-{job.id}", height="content")
    first = str(result["runs"][0]["run"])
    if st.button(
        f"Show the scores of {plain(first)}", icon=":material/arrow_forward:", key="import-scores-go"
    ):
        go("score", run=first, source=source)
