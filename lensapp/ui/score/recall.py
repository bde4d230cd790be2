"""Say on the Score page which share of the known lenses a run finds."""

import pandas as pd
import streamlit as st

from lensapp.core.numerals import fixed
from lensapp.services.catalogue.recall import known_recall
from lensapp.services.data.known_lenses import kept_known_lenses
from lensapp.services.score.scores import count_at_least, load_scored
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, switch
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.scores import with_scores_written
from lensapp.ui.shared.widgets import number

TITLES = {"known_lens": "known lens", "separation_arcsec": "separation (arcsec)"}


def show_recall(ws: Workspace, run: Run, source: Source, *, threshold: float) -> None:
    """Show recall and the known lenses themselves when asked; nothing where no table of them is kept."""
    lenses = kept_known_lenses(ws)
    if lenses is None or not st.toggle(
        "Recall of known lenses", **kept("recall", switch(), default=False, key="score-known")
    ):
        return
    report = known_recall(ws, source_name=source.name, known=lenses, run_name=run.name, threshold=threshold)
    if report["recall"] is None:
        st.caption(
            f"None of the {number(len(lenses))} known lenses of {plain(lenses.file)} is a scored candidate."
        )
        return
    every = load_scored(ws, run=run, source=source)
    accepted = count_at_least(ws, every, run=run, source=source, threshold=threshold)
    st.markdown(
        f"**{number(report['above'])} of {number(report['scored'])}** known lenses score at least "
        f"{threshold:g}: {100 * report['recall']:.0f} % "
        f"({100 * report['recall_low']:.0f}–{100 * report['recall_high']:.0f} %, 95 % interval). "
        f"So do {number(accepted)} of all {number(len(every))} cutouts scored "
        f"({number(100 * accepted / len(every))} %)."
    )
    with st.expander(f"Known lenses of {plain(lenses.file)}, lowest score first"):
        table = pd.DataFrame(report["lenses"]).rename(columns=TITLES)
        style = table.style.format(fixed, subset=[TITLES["separation_arcsec"]], na_rep="–")
        st.dataframe(with_scores_written(style, ["score"]), hide_index=True, height=240)
