"""What was chosen on the map of features: clusters as a table, cutouts as images that open in Inspect."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.services.inspect.ad_hoc_reviews import review_of_cutouts
from lensapp.services.score.features import cluster_rows
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.mistakes import pictures_of
from lensapp.ui.shared.pickable import pickable_sheet
from lensapp.ui.shared.state import go
from lensapp.ui.shared.widgets import number

SHOWN = 24


def show_clusters(table: pd.DataFrame) -> list[int]:
    """Show a row for each cluster; return the numbers of those ticked."""
    if not (table["cluster"] >= 0).any():
        return []
    rows = cluster_rows(table)
    st.markdown("**Clusters**")
    event = st.dataframe(
        pd.DataFrame([_shown(row) for row in rows]),
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        key=f"feature-clusters-{len(rows)}",
        height="content" if len(rows) <= 8 else 300,
        column_config={
            "cluster": st.column_config.TextColumn("cluster", help="Largest first; none is outside all."),
            "lens_share": st.column_config.NumberColumn(
                "lenses", format="%.1f %%", help="Share of lenses among its labelled cutouts."
            ),
            "mean_score": st.column_config.NumberColumn("mean score", format="%.3f"),
            "votes": st.column_config.NumberColumn("graded", help="Cutouts with votes that count."),
        },
    )
    return [rows[place]["cluster"] for place in event.selection.rows if place < len(rows)]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    share = row["lens_share"]
    return row | {
        "cluster": "none" if row["cluster"] < 0 else str(row["cluster"]),
        "lens_share": None if share is None else 100 * share,
    }


def show(ws: Workspace, run: Run, chosen: pd.DataFrame, *, title: str) -> None:
    """Show the first of the chosen cutouts, best score first, and the button that opens them all.

    The review they open in is called `title`.
    """
    if not len(chosen):
        st.info(
            "Draw a lasso or a box on the map, or tick clusters, to see cutouts here.",
            icon=":material/lasso_select:",
        )
        return
    ordered = chosen.sort_values(["score", "cutout_id"], ascending=[False, True], na_position="last")
    ids = ordered["cutout_id"].tolist()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{number(len(ids))} chosen**")
        if st.button("Open in the gallery", type="primary", icon=":material/grid_view:", key="features-open"):
            _inspect(ws, run, title, ids, 0)
    cutouts, pictures = pictures_of(ws, ids[:SHOWN])
    captions = ordered.set_index("cutout_id").apply(_caption, axis=1)
    pickable_sheet(
        pictures,
        captions=[captions[cutout.id] for cutout in cutouts],
        names=[cutout.candidate_id for cutout in cutouts],
        on_pick=partial(_inspect, ws, run, title, ids),
        key="features-chosen",
    )
    order = "best score first" if ordered["score"].notna().any() else "in the order of import"
    st.caption(
        f"{min(SHOWN, len(ids))} of {number(len(ids))}, {order}. Click one to inspect it and those after."
    )


def _caption(row: pd.Series) -> str:
    score = "" if pd.isna(row["score"]) else f"{row['score']:.3f}"
    known = row["object_class"] or (row["label"] if row["label"] != "unlabelled" else "")
    return "  ".join(part for part in (row["grade"], score, known) if part)


def _inspect(ws: Workspace, run: Run, title: str, ids: Sequence[int], index: int) -> None:
    """Open a review of the chosen that begins with the picture clicked."""
    order = [*ids[index:], *ids[:index]]
    go("inspect", review=review_of_cutouts(ws, name=title, cutout_ids=order, run_name=run.name).name)
