"""What is selected on the map of features: clusters as a table, cutouts as images that open in Inspect."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lensapp.services.evaluate.calibrations import calibrated_by_id
from lensapp.services.inspect.acquisition import runs_that_scored
from lensapp.services.score.features import UNLABELLED, sources_of
from lensapp.services.score.map_density import MapPoints
from lensapp.services.score.scores import aligned_scores
from lensapp.storage.records import Cutout, Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.cutout_sheet import open_in_gallery, show_cutouts
from lensapp.ui.shared.address import NO_ROWS, digest, kept, ticked
from lensapp.ui.shared.figures import CLASS_NAMES
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.scores import MEANING_OF_P, scores_text
from lensapp.ui.shared.widgets import heading, number

SHOWN, LONGEST_NAME = 24, 80
MOST_EACH, SMALL_SIDE = 8, 88  # cutouts of the middle of a cluster; pixels of the screen, for a row of them
IN_NONE, MOST_ROWS = "in none", 14


def show_clusters(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Show a row for each cluster (see `cluster_rows`); return the numbers of those ticked."""
    if not any(row["cluster"] >= 0 for row in rows):
        return []
    cells = [
        {**row}
        | {
            "cluster": IN_NONE if row["cluster"] < 0 else str(row["cluster"]),
            "lens_share": None if row["lens_share"] is None else 100 * row["lens_share"],
        }
        for row in rows
    ]
    heading("Clusters")
    table = pd.DataFrame(cells)
    told = ("most_frequent", "mean_score", "grades", "votes")
    table = table.drop(columns=[name for name in told if not table[name].map(bool).any()])
    if table["lens_share"].isna().all():
        table = table.drop(columns="lens_share")
    names = [cell["cluster"] for cell in cells]
    event = st.dataframe(
        table.style.format({name: number for name in ("size", "votes") if name in table}),
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        column_order=[name for name in table if name != "votes" or "grades" not in table],
        height="content" if len(rows) <= MOST_ROWS else 420,
        column_config={
            "cluster": st.column_config.TextColumn(
                "cluster", width=68, help="Largest first; the last row counts the cutouts outside all."
            ),
            "size": st.column_config.NumberColumn(width=50, help="Cutouts."),
            "lens_share": st.column_config.NumberColumn(
                "lenses", width=60, format="%.1f %%", help="Share of lenses among its labelled cutouts."
            ),
            "most_frequent": st.column_config.TextColumn(
                "most frequent", help="The class that most of its cutouts have, and how many of them have it."
            ),
            "mean_score": st.column_config.NumberColumn(
                "score", width=54, format="%.3f", help="Mean of its cutouts."
            ),
            "votes": st.column_config.NumberColumn("graded", width=62, help="Cutouts with votes that count."),
            "grades": st.column_config.TextColumn("graded", width=176, help="How many have each grade."),
        },
        **kept("clusters", ticked(names), NO_ROWS, key=f"feature-clusters-{digest(names)}"),
    )
    if weak := weak_clusters(rows):
        st.caption(f":material/info: {weak}")
    return [rows[row]["cluster"] for row in event.selection.rows if row < len(rows)]


def weak_clusters(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return in a sentence that most cutouts are in no cluster, with what to try; else nothing."""
    total = sum(row["size"] for row in rows)
    outside = sum(row["size"] for row in rows if row["cluster"] < 0)
    if 2 * outside <= total:
        return ""
    told = f"{number(outside)} of {number(total)} cutouts are in none"
    return f"Weak clusters: {told}. Try k-means, which divides all."


def selection_words(count: int, ticked: Sequence[int], *, drawn: bool) -> str:
    """Return what is selected: "226 chosen on the map, of cluster 1"; `drawn` for the map."""
    numbers = ", ".join(str(one) for one in ticked if one >= 0)
    within = [f"{'clusters' if ',' in numbers else 'cluster'} {numbers}"] if numbers else []
    within += ["no cluster"] if -1 in ticked else []
    clusters = " or ".join(within)
    if not drawn:
        return f"{number(count)} in {clusters}"
    return f"{number(count)} chosen on the map" + (f", of {clusters}" if clusters else "")


def show_selected_cutouts(
    ws: Workspace,
    run: Run,
    selected: pd.DataFrame,
    ticked: Sequence[int],
    *,
    drawn: bool,
    of: str,
    points: MapPoints,
) -> None:
    """Show how many cutouts are selected, the button that opens them, and the first of them.

    They are those of the clusters `ticked`, where some are, within the lasso or box, where one is `drawn`,
    of the source or dataset version `of`, after which, the clusters and the lasso their review is called.
    Where nothing is selected the cutouts in the middle of each cluster of the `points` are shown.
    """
    if not len(selected) and drawn and ticked:
        st.info(f"{selection_words(0, ticked, drawn=True)}.", icon=":material/lasso_select:")
        return
    if not len(selected):
        st.caption(
            ":material/lasso_select: Draw a lasso or a box on the map, or tick clusters, to see cutouts."
        )
        _show_middles(ws, run, points)
        return
    ordered, order = best_first(ws, selected, of)
    ids = ordered["cutout_id"].tolist()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        heading(selection_words(len(ids), ticked, drawn=drawn))
        if st.button("Open in the gallery", type="primary", icon=":material/grid_view:", key="features-open"):
            what = [*(["chosen"] if drawn else []), *(["cluster", *map(str, ticked)] if ticked else [])]
            open_in_gallery(ws, ids, name="-".join([of, run.name, *what])[:LONGEST_NAME], run_name=run.name)
    by_id = ordered.set_index("cutout_id")
    probabilities = calibrated_by_id(ws, run, by_id["score"].dropna().to_dict())

    def caption_of(cutout: Cutout) -> str:
        row = by_id.loc[cutout.id]
        chance = probabilities.get(cutout.id)
        score = "" if pd.isna(row["score"]) else scores_text(row["score"], chance)
        truth = row["object_class"] or ("" if row["label"] == UNLABELLED else CLASS_NAMES[row["label"]])
        return "  ".join(part for part in (row["grade"], score, truth) if part)

    show_cutouts(
        ws,
        ids,
        limit=SHOWN,
        caption_of=caption_of,
        review_name=None,
        run_name=run.name,
        key="features-chosen",
        smallest=SMALL_SIDE,
    )
    meaning = f" {MEANING_OF_P}" if probabilities else ""
    st.caption(f"{min(SHOWN, len(ids))} of {number(len(ids))}, {plain(order)}.{meaning}")


def _show_middles(ws: Workspace, run: Run, points: MapPoints) -> None:
    """Show some cutouts from the middle of each cluster, in a frame each: what the groups of the map are."""
    clusters = len(points.middles)
    if not clusters:
        return
    each = min(max(SHOWN // clusters, 1), MOST_EACH)
    nearest = points.nearest_middles(each)[:SHOWN]
    rows = np.concatenate(nearest)
    ids = points.cutout_ids[rows].tolist()
    firsts = {int(points.cutout_ids[one[0]]): int(points.clusters[one[0]]) for one in nearest if len(one)}
    if len(firsts) == 1:
        firsts = {}  # the only one needs no number

    def caption_of(cutout: Cutout) -> str:
        label = "" if cutout.label is None else CLASS_NAMES[cutout.label]
        cluster = [f"cluster {firsts[cutout.id]}" if cutout.id in firsts else "\u00a0"] if firsts else []
        return "\n".join([*cluster, cutout.object_class or label])

    heading("In the middle of each cluster")
    show_cutouts(
        ws,
        ids,
        limit=len(ids),
        caption_of=caption_of,
        review_name=None,
        run_name=run.name,
        key="features-middles",
        smallest=SMALL_SIDE,
        together=[len(one) for one in nearest] if each > 1 else (),
    )


def best_first(ws: Workspace, selected: pd.DataFrame, of: str) -> tuple[pd.DataFrame, str]:
    """Return the selected cutouts by score, and that in words; by another run's where this one gave none."""
    scores, words = selected["score"].to_numpy(), "best score first"
    if np.isnan(scores).all():
        owners = sources_of(ws, of)
        scored = runs_that_scored(ws, *(owner.name for owner in owners))
        if not scored:
            return selected.sort_values("cutout_id"), "in the order of import"
        ids = selected["cutout_id"].to_numpy(np.int64)
        scores = aligned_scores(ws, ids, [owner.id for owner in owners], run_id=scored[0].id)
        words = f"best score by {scored[0].name} first"
    order = np.lexsort((selected["cutout_id"].to_numpy(), -scores))  # what has no score comes last
    return selected.iloc[order], words
