"""Take in the scores that another program gave to the cutouts of a source, from a table."""

from pathlib import Path

import pandas as pd
import streamlit as st

from lensapp.services.train.job_control import latest_job
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.data.file_choice import PathField, show_ways, take_sent
from lensapp.ui.score.score_import_check import CHOICES, check_and_import, measured_by
from lensapp.ui.shared.address import kept, text, will_hold
from lensapp.ui.shared.job_controls import watch_job
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.state import go, selected
from lensapp.ui.shared.widgets import counted, number

KIND = "import-scores"
FIELD = PathField(KIND, "tables", sent="Drop a table of scores here: CSV, ECSV, FITS, VOTable or Parquet")
QUEUED = "import-scores-queued"
WATCHED = "import-scores-watched"  # an import begun here, whose progress and outcome stay in sight
WIDTH = 1000  # as of imports on Data: what belongs together stays together
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
    """Show the choice of a table, what it holds, the import under way and what the last one counted."""
    take_sent(FIELD)
    if st.session_state.pop(QUEUED, False):
        st.session_state[FIELD.path] = ""
        st.session_state[WATCHED] = True
    asked = bool(will_hold("table", text(), "", key=FIELD.path))
    fold = st.expander(
        "Import scores of another program",
        icon=":material/upload:",
        expanded=expanded or asked or WATCHED in st.session_state,
    )
    with fold, st.container(width=WIDTH):
        path = st.text_input(
            "Table of scores",
            help="CSV, ECSV, FITS, VOTable or Parquet, a row for each candidate.",
            placeholder="Type a path on the machine that runs the app, or choose below",
            **kept("table", text(), "", key=FIELD.path, resets=CHOICES),
        ).strip()
        show_ways(FIELD, first=None if path else "upload")
        source = next((one for one in ready if one.name == selected("source")), ready[0])
        if path:
            source = check_and_import(ws, Path(path).expanduser(), ready, source, queued=QUEUED)
        if not watch_job(ws, KIND, source=source.name) and not path:
            _show_outcome(ws, source.name)


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
        f"{measured_by(result['dataset'], source)}"
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
