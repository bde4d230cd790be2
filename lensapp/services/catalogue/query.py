"""The labelled catalogue: every candidate of a source with score, consensus, label and known lens."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.inspect.consensus import Consensus
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.grades import checked_grade
from lensapp.services.data.known_lenses import DEFAULT_RADIUS_ARCSEC, KnownLenses, match_known
from lensapp.services.inspect.consensus import consensus_of
from lensapp.services.inspect.review_selection import choose_reviews, chosen_sources, votes_of
from lensapp.services.score.estimates import load_estimates
from lensapp.services.score.scores import aligned_scores
from lensapp.storage import runs, sources
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace

CUTOUT_COLUMNS = ("id", "source_id", "candidate_id", "ra_deg", "dec_deg", "label")
INSPECTORS_JOINED_BY = "; "


def catalogue(
    ws: Workspace,
    *,
    source_name: str,
    also_sources: Sequence[str] = (),
    run_name: str | None = None,
    review_names: Sequence[str] | None = None,
    min_score: float | None = None,
    grades: Sequence[str] | None = None,
    known: KnownLenses | None = None,
    radius_arcsec: float = DEFAULT_RADIUS_ARCSEC,
    cutout_ids: NDArray[np.int64] | None = None,
    method: ConsensusSpec | None = None,
) -> pd.DataFrame:
    """Return one row per candidate of one or more sources, highest score first.

    Parameters
    ----------
    ws
        The workspace.
    source_name, also_sources
        The source, and further ones.
    run_name
        The run whose scores are shown; default: the newest of those that scored most of the sources.
    review_names
        The reviews whose votes are combined; default: all of the sources.
    min_score, grades
        Leave out candidates that score lower or have no score; keep only these consensus grades.
    known, radius_arcsec
        Known lenses to match by position.
    cutout_ids
        Keep only these cutouts.
    method
        How votes are combined; default: by their mean.

    Returns
    -------
    DataFrame
        cutout_id, id, source, ra, dec (degrees, NaN where unknown), score (NaN), run (""), grade (""), mean,
        scatter (NaN), votes, inspectors, probability (NaN) where the method gives one, known_lens (""),
        known_sep_arcsec (NaN), label (""); then, of a run that tells classes apart or estimates values,
        what it says (NaN).

    Raises
    ------
    NotFound, InvalidInput
        When a name or a grade is unknown.
    """
    shown = chosen_sources(ws, source_name, also_sources)
    run = choose_run(ws, shown, run_name)
    wanted = None if grades is None else {checked_grade(grade) for grade in grades}
    table = _cutouts(ws, shown)
    if cutout_ids is not None:
        table = table[table["cutout_id"].isin(cutout_ids)]
    table = _with_scores(ws, table, shown, run)
    if min_score is not None:
        table = table[table["score"] >= min_score]
    votes = votes_of(ws, choose_reviews(ws, shown, review_names))
    table = _with_consensus(table, consensus_of(ws, votes, method or ConsensusSpec()))
    if wanted is not None:
        table = table[table["grade"].isin(wanted)]
    table = _with_estimates(ws, _with_known(table, known, radius_arcsec), shown, run)
    order = table.sort_values("score", ascending=False, kind="stable", na_position="last")
    return order.reset_index(drop=True)


def choose_run(ws: Workspace, shown: Sequence[Source], run_name: str | None) -> Run | None:
    """Return the run of that name, or the newest of those that scored most of the sources, or None."""
    if run_name is not None:
        return runs.get_run(ws.database, run_name)
    keys = {source.id for source in shown}
    scored = Counter(run for run, source_id, _ in runs.score_counts(ws.database) if source_id in keys)
    if not scored:
        return None
    most = max(scored.values())
    return runs.run_by_id(ws.database, max(run for run, count in scored.items() if count == most))


def _cutouts(ws: Workspace, shown: Sequence[Source]) -> pd.DataFrame:
    names = {source.id: source.name for source in shown}
    columns = sources.cutout_columns(ws.database, list(names), columns=CUTOUT_COLUMNS)
    return pd.DataFrame(
        {
            "cutout_id": columns["id"],
            "id": columns["candidate_id"],
            "source": [names[key] for key in columns["source_id"].tolist()],
            "ra": columns["ra_deg"],
            "dec": columns["dec_deg"],
            "label": [label or "" for label in columns["label"]],
        }
    )


def _with_scores(
    ws: Workspace, table: pd.DataFrame, shown: Sequence[Source], run: Run | None
) -> pd.DataFrame:
    if run is None:
        return table.assign(score=np.nan, run="")
    keys = [source.id for source in shown]
    score = aligned_scores(ws, table["cutout_id"].to_numpy(np.int64), keys, run_id=run.id)
    return table.assign(score=score, run=np.where(np.isfinite(score), run.name, ""))


def _with_estimates(
    ws: Workspace, table: pd.DataFrame, shown: Sequence[Source], run: Run | None
) -> pd.DataFrame:
    if run is None:
        return table
    parts = [load_estimates(ws, run=run, source=source) for source in shown]
    found = pd.concat(parts).reindex(table["cutout_id"].to_numpy(np.int64))
    if found.columns.empty:
        return table
    named = np.where(found.notna().any(axis=1), run.name, table["run"])
    return table.assign(run=named, **{name: found[name].to_numpy(float) for name in found.columns})


def _with_consensus(table: pd.DataFrame, consensus: Consensus) -> pd.DataFrame:
    _, row, place = np.intersect1d(
        table["cutout_id"].to_numpy(), consensus.cutout_id, assume_unique=True, return_indices=True
    )
    people = np.array([INSPECTORS_JOINED_BY.join(names) for names in consensus.inspectors], object)
    columns = {
        "grade": (np.full(len(table), "", object), consensus.grade),
        "mean": (np.full(len(table), np.nan), consensus.mean),
        "scatter": (np.full(len(table), np.nan), consensus.scatter),
        "votes": (np.zeros(len(table), np.int64), consensus.votes),
        "inspectors": (np.full(len(table), "", object), people),
    }
    if consensus.probability is not None:
        columns["probability"] = (np.full(len(table), np.nan), consensus.probability)
    for column, found in columns.values():
        column[row] = found[place]
    return table.assign(**{name: column for name, (column, _) in columns.items()})


def _with_known(table: pd.DataFrame, known: KnownLenses | None, radius_arcsec: float) -> pd.DataFrame:
    if known is None:
        return table.assign(known_lens="", known_sep_arcsec=np.nan)
    name, separation = match_known(
        table["ra"].to_numpy(float), table["dec"].to_numpy(float), known, radius_arcsec=radius_arcsec
    )
    return table.assign(known_lens=name, known_sep_arcsec=separation)
