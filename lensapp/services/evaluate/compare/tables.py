"""Runs side by side as tables: one row per run, or one row per cutout that all of them scored."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.services.evaluate.compare.side_by_side import SideBySide
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.figure_tables import INTERVAL_NAMES
from lensapp.storage import sources
from lensapp.storage.workspace import Workspace

LOW, HIGH = " from", " to"


def figures_frame(compared: SideBySide, *, reference: int | None = 0) -> pd.DataFrame:
    """Return one row per run: each figure that the part resolves, its 95 % limits, and p-values.

    The columns of a figure are its name, "NAME from", "NAME to" and "p (NAME)": of no difference from the
    reference, which has none itself. Without a reference no run has one.
    """
    differences = {} if reference is None else compared.differences_from(reference)
    rows = []
    for one in compared.evaluations:
        p_values = {each.figure: each.p_value for each in differences.get(one.run, ())}
        row: dict[str, str | float | None] = {"run": one.run}
        for figure, name in resolved_names(one).items():
            interval = one.intervals[figure]
            row |= {name: interval.value, name + LOW: interval.low, name + HIGH: interval.high}
            row[p_name(name)] = p_values.get(figure)
        rows.append(row)
    return pd.DataFrame(rows)


def resolved_names(evaluation: Evaluation) -> dict[str, str]:
    """Return the figures that a part resolves, with what they are called in tables."""
    return {figure: name for figure, name in INTERVAL_NAMES.items() if figure in evaluation.resolved}


def p_name(name: str) -> str:
    """Return the name of the column of p-values of a figure."""
    return f"p ({name})"


def cutouts_frame(ws: Workspace, compared: SideBySide, thresholds: NDArray[np.float64]) -> pd.DataFrame:
    """Return one row per shared cutout: name, source, label, and by run its score and whether it is accepted.

    Parameters
    ----------
    thresholds : shape (runs,)
        Least scores that each run accepts.
    """
    table = named_cutouts(ws, compared.cutout_ids)
    table["label"] = np.where(compared.labels, "lens", "nonlens")
    for run, scores, threshold in zip(compared.runs, compared.scores, thresholds, strict=True):
        table[f"score ({run})"] = scores
        table[f"accepted ({run})"] = scores >= threshold
    return table


def named_cutouts(ws: Workspace, cutout_ids: NDArray[np.int64]) -> pd.DataFrame:
    """Return candidate_id and source of cutouts, in their order."""
    cutouts = sources.get_cutouts(ws.database, cutout_ids.tolist())
    names = {source.id: source.name for source in sources.list_sources(ws.database)}
    return pd.DataFrame(
        {
            "candidate_id": [cutout.candidate_id for cutout in cutouts],
            "source": [names.get(cutout.source_id, "") for cutout in cutouts],
        }
    )
