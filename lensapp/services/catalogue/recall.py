"""Which fraction of the known lenses of a source a run recovers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.services.catalogue.query import newest_run, scored_candidates, with_known_lenses
from lensapp.services.data.known_lenses import DEFAULT_RADIUS_ARCSEC, KnownLenses
from lensapp.storage import runs, sources
from lensapp.storage.workspace import Workspace

DEFAULT_THRESHOLD = 0.5


def recall_at(scores: NDArray[np.float64], threshold: float) -> dict[str, Any]:
    """Return how many of some lenses score at least `threshold`, with the 95 % interval (Wilson)."""
    above = int(np.count_nonzero(scores >= threshold))
    low, high = wilson_interval(above, len(scores)) if len(scores) else (None, None)
    return {
        "scored": len(scores),
        "above": above,
        "recall": above / len(scores) if len(scores) else None,
        "recall_low": low,
        "recall_high": high,
        "threshold": threshold,
    }


def known_recall(
    ws: Workspace,
    *,
    source_name: str,
    known: KnownLenses,
    run_name: str | None = None,
    radius_arcsec: float = DEFAULT_RADIUS_ARCSEC,
    threshold: float = DEFAULT_THRESHOLD,
) -> dict[str, Any]:
    """Return the known lenses among the candidates of a source, and how many score at least `threshold`.

    Returns
    -------
    dict
        source, run (None), known (lenses in the table), duplicates (further rows of
        these), matched (of them among the candidates),
        scored, above, recall (None without scores), recall_low, recall_high (95 %, Wilson), threshold,
        as_nonlens (candidates labelled nonlens at a known lens) and lenses: id, known_lens, score (None),
        separation_arcsec, label, lowest score first. Of several candidates at one the highest score counts.

    Raises
    ------
    NotFound, InvalidInput
        When a name is unknown, or the threshold or the radius is out of range.
    """
    if not 0 <= threshold <= 1:
        raise InvalidInput(f"The threshold is a score from 0 to 1, not {threshold:g}. Choose another.")
    source = sources.get_source(ws.database, source_name)
    run = newest_run(ws, [source]) if run_name is None else runs.get_run(ws.database, run_name)
    table = with_known_lenses(scored_candidates(ws, [source], run), known, radius_arcsec=radius_arcsec)
    table = table.sort_values("score", ascending=False, kind="stable", na_position="last")
    matches = table[table["known_lens"] != ""]
    best = matches.drop_duplicates("known_lens")  # highest score first
    return {
        "source": source_name,
        "run": next((name for name in table["run"] if name), None),
        "known": len(known),
        "duplicates": known.duplicates,
        "matched": len(best),
        **recall_at(best["score"].dropna().to_numpy(float), threshold),
        "warnings": list(known.warnings),
        "as_nonlens": int((matches["label"] == "nonlens").sum()),
        "lenses": [
            {
                "id": row["id"],
                "known_lens": row["known_lens"],
                "separation_arcsec": row["known_sep_arcsec"],
                "score": None if np.isnan(row["score"]) else row["score"],
                "label": row["label"],
            }
            for row in best.iloc[::-1].to_dict("records")
        ],
    }
