"""The labelled catalogue: every candidate of a query with score, consensus, label and known lens."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.align import rows_of, values_at
from lensapp.core.catalogue.query import UNGRADED, CatalogueQuery
from lensapp.core.inspect.consensus import WITHDRAWN, Consensus, consensus_of_columns
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.grades import ABCX
from lensapp.core.inspect.inspector_names import inspector_key
from lensapp.services.data.filters import kept_rows
from lensapp.services.data.known_lenses import KnownLenses, load_known_lenses, match_known
from lensapp.services.evaluate.calibrations import calibrated
from lensapp.services.inspect.consensus import consensus_of, with_prior
from lensapp.services.inspect.vote_export import vote_table
from lensapp.services.inspect.vote_log import LoggedVotes, logged_votes, votes_in
from lensapp.services.score.estimates import load_estimates
from lensapp.services.score.scores import aligned_scores
from lensapp.services.score.vetoes import vetoed
from lensapp.services.train.run_listing import studies_last
from lensapp.storage import reviews, runs, sources
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.records import Review, Run, Source, Vote
from lensapp.storage.reviews import StateOfVotes
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

CUTOUT_COLUMNS = ("id", "source_id", "candidate_id", "ra_deg", "dec_deg", "label")
INSPECTORS_JOINED_BY = "; "
COMMENTS_JOINED_BY = " | "


@dataclass(frozen=True, eq=False)
class Selection:
    """What a query names in a workspace, its votes read and combined once.

    `cutout_ids` are the candidates that a review shows, where the query is of one; None: all of the sources.
    """

    query: CatalogueQuery
    sources: tuple[Source, ...]
    reviews: tuple[Review, ...]
    run: Run | None
    cutout_ids: NDArray[np.int64] | None
    known: KnownLenses | None
    votes: LoggedVotes
    consensus: Consensus
    state: StateOfVotes

    def vote_table(self, ws: Workspace) -> pd.DataFrame:
        """Return every vote on the candidates, whatever the filters leave (see `vote_export.vote_table`)."""
        return vote_table(
            ws,
            sources=self.sources,
            reviews=self.reviews,
            votes=_votes_of(ws, tuple(review.id for review in self.reviews), self.state),
            counted=set(self.votes.id[self.consensus.counted].tolist()),
            cutout_ids=self.cutout_ids,
        )


def select(ws: Workspace, query: CatalogueQuery) -> Selection:
    """Read what a query names; a name stands for a source before it stands for a review.

    Raises
    ------
    NotFound, InvalidInput
        When a name or a grade is unknown, or the table of known lenses cannot be read.
    """
    _checked_grades(query)
    source_names = {source.name for source in sources.list_sources(ws.database)}
    reviews_by_name = {review.name: review for review in reviews.list_reviews(ws.database)}
    own = reviews_by_name.get(query.of[0]) if len(query.of) == 1 else None
    if own is None or own.name in source_names:
        owners = [sources.get_source(ws.database, name) for name in dict.fromkeys(query.of)]
        own = None
    else:
        owners = [sources.source_by_id(ws.database, key) for key in reviews.source_ids_of(ws.database, own)]
    if query.run is not None:
        run: Run | None = runs.get_run(ws.database, query.run)
    elif own is not None and own.run_id is not None:
        run = runs.run_by_id(ws.database, own.run_id)
    else:
        run = newest_run(ws, owners)
    if query.reviews is not None:
        voted = [reviews.get_review(ws.database, name) for name in dict.fromkeys(query.reviews)]
    elif own is not None:
        voted = [own]
    else:
        keys = {source.id for source in owners}
        voted = [
            review
            for review in reversed(reviews_by_name.values())  # oldest first
            if keys.intersection(reviews.source_ids_of(ws.database, review))
        ]
    state, keys_of_reviews = reviews.state_of_votes(ws.database), tuple(review.id for review in voted)
    settled = query.consensus
    if settled.method != "mean":
        settled, _ = with_prior(ws, _votes_of(ws, keys_of_reviews, state), settled)
    return Selection(
        query=query.replaced(consensus=settled),
        sources=tuple(owners),
        reviews=tuple(voted),
        run=run,
        cutout_ids=None if own is None else reviews.queue_of(ws.database, own.id),
        known=None
        if query.known_lenses is None
        else load_known_lenses(query.known_lenses, **query.known_columns),
        votes=_logged(ws, keys_of_reviews, state),
        consensus=_combined(ws, keys_of_reviews, settled, state),
        state=state,
    )


def graded_again(ws: Workspace, query: CatalogueQuery, cutout_ids: NDArray[np.int64]) -> int:
    """Return how many candidates an inspector graded in several reviews: the last of these votes counts."""
    chosen = select(ws, query)
    if len(chosen.reviews) < 2:
        return 0
    columns, review_id = chosen.votes.columns, chosen.votes.review_id
    given = np.flatnonzero((columns.value != WITHDRAWN) & np.isin(columns.cutout, cutout_ids))
    order = given[np.lexsort((review_id[given], columns.inspector[given], columns.cutout[given]))]
    before, after = order[:-1], order[1:]
    again = columns.cutout[before] == columns.cutout[after]
    again &= columns.inspector[before] == columns.inspector[after]
    again &= review_id[before] != review_id[after]
    return len(np.unique(columns.cutout[after[again]]))


def _checked_grades(query: CatalogueQuery) -> list[str]:
    """Return the grades of a query as a table has them: none for candidates without a vote."""
    return ["" if grade.casefold() == UNGRADED else ABCX.checked(grade) for grade in query.grades or ()]


@lru_cache(maxsize=4)
def _logged(ws: Workspace, review_ids: tuple[int, ...], state: StateOfVotes) -> LoggedVotes:
    return logged_votes(ws, review_ids, state)


@lru_cache(maxsize=4)
def _votes_of(ws: Workspace, review_ids: tuple[int, ...], _state: StateOfVotes) -> tuple[Vote, ...]:
    voted = [reviews.review_by_id(ws.database, key) for key in review_ids]
    return tuple(vote for review in voted for vote in votes_in(ws, review))


@lru_cache(maxsize=4)
def _combined(
    ws: Workspace, review_ids: tuple[int, ...], spec: ConsensusSpec, state: StateOfVotes
) -> Consensus:
    """Return the consensus on votes of some reviews; what needs no more than grades needs no whole votes."""
    if spec.method == "mean":
        logged = _logged(ws, review_ids, state)
        return consensus_of_columns(logged.columns, logged.names)
    return consensus_of(ws, _votes_of(ws, review_ids, state), spec)


def settled_consensus(ws: Workspace, query: CatalogueQuery) -> ConsensusSpec:
    """Return how a query combines votes, a prior that is found automatically as its number."""
    return select(ws, query).query.consensus


def newest_run(ws: Workspace, owners: Sequence[Source]) -> Run | None:
    """Return the newest of the runs that scored most of some sources, or None; networks before tables."""
    keys = {source.id for source in owners}
    scored = Counter(run for run, source_id, _ in stored_scores.score_counts(ws) if source_id in keys)
    if not scored:
        return None
    most = max(scored.values())
    every = studies_last(ws, runs.list_runs(ws.database))
    return next(run for run in every if scored[run.id] == most)


def catalogue(ws: Workspace, query: CatalogueQuery) -> pd.DataFrame:
    """Return one row per candidate of a query, highest score first; columns as `catalogue_of`.

    Raises
    ------
    NotFound, InvalidInput
        As `select`.
    """
    return catalogue_of(ws, select(ws, query))


def catalogue_of(ws: Workspace, selection: Selection) -> pd.DataFrame:
    """Return one row per candidate of a selection, highest score first.

    Returns
    -------
    DataFrame
        cutout_id, id, source, ra, dec (degrees, NaN where unknown), score (NaN), run (""), calibrated_score
        (NaN) where the run has a calibration, grade (""), mean, scatter (NaN), votes, inspectors,
        probability (NaN) where the method gives one, stars (how many inspectors set one) and comments ("")
        where there are any, known_lens (""), known_sep_arcsec (NaN), label ("");
        then, of a run that tells classes apart or estimates values, what it says (NaN).
    """
    query, run, among = selection.query, selection.run, selection.cutout_ids
    wanted = _checked_grades(query)
    if query.grades is not None and "" not in wanted:  # most cutouts of a large source have no grade
        consensus = selection.consensus
        graded_ids = consensus.cutout_id[np.isin(consensus.grade.astype(str), wanted)]
        among = graded_ids if among is None else np.intersect1d(among, graded_ids)
    table = scored_candidates(ws, selection.sources, run, among=among)
    if query.min_score is not None:
        table = table[table["score"] >= query.min_score]
    if query.vetoes and run is not None:
        ids = table["cutout_id"].to_numpy(np.int64)
        table = table[~vetoed(ws, run, ids=ids, owners=selection.sources)]
    table = with_notes(with_consensus(table, selection.consensus), selection.votes)
    if query.grades is not None:
        table = table[table["grade"].isin(wanted)]
    table = with_known_lenses(table, selection.known, radius_arcsec=query.radius_arcsec)
    if run is not None:
        estimates = pd.concat([load_estimates(ws, run=run, source=source) for source in selection.sources])
        estimates = estimates.reindex(table["cutout_id"].to_numpy(np.int64))
        if not estimates.columns.empty:
            named = np.where(estimates.notna().any(axis=1), run.name, table["run"])
            columns = {name: estimates[name].to_numpy(float) for name in estimates.columns}
            table = table.assign(run=named, **columns)
    if query.where is not None:
        table = kept_rows(ws, selection.sources, table, query.where)
    order = table.sort_values("score", ascending=False, kind="stable", na_position="last")
    return order.reset_index(drop=True)


def scored_candidates(
    ws: Workspace, owners: Sequence[Source], run: Run | None, *, among: NDArray[np.int64] | None = None
) -> pd.DataFrame:
    """Return cutout_id, id, source, ra, dec, label, score and run of every candidate of some sources.

    With `among` only of the cutouts with these IDs.
    """
    names = {source.id: source.name for source in owners}
    columns = cutout_columns(ws, list(names), columns=CUTOUT_COLUMNS, among=among)
    table = pd.DataFrame(
        {
            "cutout_id": columns["id"],
            "id": columns["candidate_id"],
            "source": [names[key] for key in columns["source_id"].tolist()],
            "ra": columns["ra_deg"],
            "dec": columns["dec_deg"],
            "label": [label or "" for label in columns["label"]],
        }
    )
    if run is None:
        return table.assign(score=np.nan, run="")
    score = aligned_scores(ws, table["cutout_id"].to_numpy(np.int64), list(names), run_id=run.id)
    table = table.assign(score=score, run=np.where(np.isfinite(score), run.name, ""))
    probability = calibrated(ws, run, score)
    return table if probability is None else table.assign(calibrated_score=probability)


def with_consensus(table: pd.DataFrame, consensus: Consensus) -> pd.DataFrame:
    """Add the consensus of votes to a table of candidates."""
    people = np.array([INSPECTORS_JOINED_BY.join(names) for names in consensus.inspectors], object)
    columns = {
        "grade": (consensus.grade, ""),
        "mean": (consensus.mean, np.nan),
        "scatter": (consensus.scatter, np.nan),
        "votes": (consensus.votes, 0),
        "inspectors": (people, ""),
    }
    if consensus.probability is not None:
        columns["probability"] = (consensus.probability, np.nan)
    rows = rows_of(table["cutout_id"].to_numpy(), consensus.cutout_id)
    return table.assign(
        **{name: values_at(rows, values, absent=absent) for name, (values, absent) in columns.items()}
    )


def with_notes(table: pd.DataFrame, votes: LoggedVotes) -> pd.DataFrame:
    """Add how many inspectors starred each candidate, and their comments, where there are any.

    Of each inspector the newest star and comment in each review count, with a grade or without one.
    """
    said = votes.starred.astype(bool) | votes.comment.astype(bool)
    cutouts = votes.columns.cutout
    rows = np.flatnonzero(np.isin(cutouts, cutouts[said]))
    keys = (votes.review_id[rows], votes.columns.inspector[rows], cutouts[rows])
    newest = dict(zip(zip(*(key.tolist() for key in keys), strict=True), rows.tolist(), strict=True))
    starring: dict[int, set[str]] = {}
    comments: dict[int, dict[str, None]] = {}
    for (_, rank, cutout_id), row in newest.items():
        inspector, comment = votes.names[rank], votes.comment[row]
        if votes.starred[row]:
            starring.setdefault(cutout_id, set()).add(inspector_key(inspector))
        if comment:
            comments.setdefault(cutout_id, {})[f"{inspector}: {comment}"] = None
    ids = table["cutout_id"].tolist()
    if starring:
        table = table.assign(stars=[len(starring.get(key, ())) for key in ids])
    if comments:
        table = table.assign(comments=[COMMENTS_JOINED_BY.join(comments.get(key, ())) for key in ids])
    return table


def with_known_lenses(
    table: pd.DataFrame, known: KnownLenses | None, *, radius_arcsec: float
) -> pd.DataFrame:
    """Return the candidates with the nearest known lens of each and its separation in arcseconds."""
    if known is None:
        return table.assign(known_lens="", known_sep_arcsec=np.nan)
    name, separation = match_known(
        table["ra"].to_numpy(float), table["dec"].to_numpy(float), known, radius_arcsec=radius_arcsec
    )
    return table.assign(known_lens=name, known_sep_arcsec=separation)
