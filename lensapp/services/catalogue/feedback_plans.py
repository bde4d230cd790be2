"""Work out what votes would change in a dataset version, without storing anything."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import rows_of
from lensapp.core.catalogue import feedback_rules
from lensapp.core.catalogue.contradictions import Contradictions, Sides, contradictions_in, sides_of
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus import Consensus
from lensapp.core.split.splits import LABELS
from lensapp.services.catalogue.hasty_votes import (
    Hasty,
    HastyVotes,
    all_are_hasty,
    behind_labels,
    left_out_of,
    part_hasty,
)
from lensapp.services.catalogue.label_origin import read_origin, write_origin
from lensapp.services.catalogue.next_version import (
    MEMBER_EXTRA,
    members_as_rows,
    place_new_cutouts,
    placed_rows,
)
from lensapp.services.inspect.consensus import candidates_of, consensus_of
from lensapp.services.inspect.queues import votes_of_reviews
from lensapp.services.split.split_tables import TABLE_COLUMNS
from lensapp.services.split.versions import Counts, count_parts
from lensapp.storage import datasets, sources
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset, Review, Vote
from lensapp.storage.workspace import Workspace

OWN_LABEL = "labelled so by these votes already"  # an outcome beside those of the rules
TRUSTED_ORIGINS = ("demo", "import")  # of labels: simulated, or from an imported catalogue


@dataclass(frozen=True, eq=False)
class Graded:
    """Cutouts with a consensus, one entry each, ordered by cutout.

    Attributes
    ----------
    reviews
        The reviews whose votes are combined.
    consensus
        Grade, mean, scatter and votes.
    columns
        What decides which cutouts belong together (TABLE_COLUMNS).
    label, reason
        The label that the rules ask for, or None and why there is none.
    origin
        Whose votes made it, as a member's `label_from`.
    counted
        The votes that count.
    inspectors
        Name -> number of their votes that count.
    hasty
        The votes of inspectors who took too little time, whether they count or not.
    sides
        What the votes that count mean by the rules.
    """

    reviews: list[Review]
    consensus: Consensus
    columns: Columns
    label: NDArray[Any]
    reason: NDArray[Any]
    origin: NDArray[Any]
    counted: list[Vote]
    inspectors: dict[str, int]
    hasty: Hasty
    sides: Sides
    rules: FeedbackRules

    @property
    def review_names(self) -> tuple[str, ...]:
        """The reviews that hold a vote which counts."""
        voted = {vote.review_id for vote in self.counted}
        return tuple(review.name for review in self.reviews if review.id in voted)

    def hasty_behind(self, which: NDArray[np.bool_]) -> HastyVotes:
        """Return the hasty votes behind the labels of some of the cutouts, or those that are left out."""
        if not self.rules.count_hasty:
            return left_out_of(self.hasty)
        return behind_labels(self.counted, self.hasty, self.consensus.cutout_id[which])

    def without_votes(self, candidates: NDArray[np.int64]) -> tuple[int, int]:
        """Return how many candidates have no vote, and how many hasty ones alone, which do not count."""
        without = np.setdiff1d(candidates, self.consensus.cutout_id)
        left_out = [] if self.rules.count_hasty else [vote.cutout_id for vote in self.hasty.votes]
        only_hasty = int(np.isin(without, left_out).sum())
        return len(without) - only_hasty, only_hasty

    def contradictions(self, which: NDArray[np.bool_]) -> Contradictions:
        """Return how many labels of some of the cutouts are contradicted, and how many are left out."""
        left_out = int((self.reason == feedback_rules.CONTRADICTED).sum())
        return contradictions_in(self.sides, self.label, which, left_out, self.rules)

    def table(self) -> Columns:
        """Return what a plan shows of each cutout, whatever becomes of it."""
        return {
            "cutout_id": self.consensus.cutout_id,
            "candidate_id": self.columns["candidate_id"],
            "source_id": self.columns["source_id"].astype(np.int64),
            "grade": self.consensus.grade,
            "cast": self.sides.grades,
            "mean": self.consensus.mean,
            "votes": self.consensus.votes,
            "label": self.label,
        }


def graded_cutouts(ws: Workspace, review_names: Sequence[str], rules: FeedbackRules) -> Graded:
    """Return the consensus on the candidates of some reviews and the labels that the rules make of it."""
    reviews, votes = votes_of_reviews(ws, review_names)
    seen, hasty = part_hasty(votes)
    if not rules.count_hasty:
        votes = seen
    consensus = consensus_of(ws, votes, rules)
    if not len(consensus):
        names = ", ".join(review.name for review in reviews) or "no review"
        if hasty and not rules.count_hasty:
            raise InvalidInput(
                f"{all_are_hasty(names)} Grade candidates anew, at leisure, or count these with "
                "--count-hasty true."
            )
        raise InvalidInput(f"There is no vote to feed back in {names}. Grade candidates first.")
    cutouts = sources.get_cutouts(ws.database, consensus.cutout_id.tolist())
    columns: Columns = {}
    for name in TABLE_COLUMNS:
        columns[name] = np.empty(len(cutouts), object)
        columns[name][:] = [getattr(cutout, name) for cutout in cutouts]
    for name in ("ra_deg", "dec_deg"):
        columns[name] = np.array([np.nan if v is None else v for v in columns[name]], np.float64)
    counted = [votes[position] for position in consensus.counted.tolist()]  # ordered by cutout
    sides = sides_of(counted, consensus.votes, rules)
    label, reason = feedback_rules.wanted_labels(consensus.grade, consensus.votes, rules, sides=sides)
    names_by_id = {review.id: review.name for review in reviews}
    origin = np.empty(len(consensus), object)
    start = 0
    for row, count in enumerate(consensus.votes.tolist()):
        cast = counted[start : start + count]
        origin[row] = write_origin([names_by_id[vote.review_id] for vote in cast], consensus.inspectors[row])
        start += count
    inspectors = dict(Counter(vote.inspector for vote in counted))
    return Graded(
        reviews, consensus, columns, label, reason, origin, counted, inspectors, hasty, sides, rules
    )


def doubts_of(
    ws: Workspace, review_names: Sequence[str], rules: FeedbackRules
) -> tuple[HastyVotes, Contradictions]:
    """Return which votes behind the labels of a first version are too fast, and which contradict others."""
    graded = graded_cutouts(ws, review_names, rules)
    labelled = graded.label != None  # noqa: E711 - compares each element
    return graded.hasty_behind(labelled), graded.contradictions(labelled)


@dataclass(frozen=True, eq=False)
class FeedbackPlan:
    """What feeding votes back would do.

    Attributes
    ----------
    parent
        The dataset version that the votes are added to.
    reviews, rules
        Where the votes come from, and which grades become which label.
    columns
        One entry per graded cutout: cutout_id, candidate_id, source_id, grade, cast (the grades given),
        mean, votes, label (None where ignored), outcome, part ("" where not a member afterwards).
    outcomes
        Outcome -> number of graded cutouts (see `lensapp.core.catalogue.feedback_rules`).
    added, relabelled
        Part -> label -> number of new members; "old → new" -> number of changed labels.
    replaced_origins
        Where the labels that change come from: `label_from` of the parent's member -> number.
    kept_origins
        The same of the labels that the votes contradict but do not change, as relabelling is off.
    overruled
        New members whose source gives them another label than the votes.
    held_origins
        Where the labels of all members that were graded come from, of the test part as well.
    ungraded
        Candidates of the reviews without a vote: ignored.
    only_hasty
        Candidates whose votes were all given too fast, where these do not count: ignored.
    counts
        Part -> label -> number in the new version.
    members
        The new version's members, as stored.
    inspectors
        Name -> number of their votes that count.
    hasty
        The votes given too fast behind the labels that are added or changed, or those that are left out.
    contradictions
        How many of the labels that are added or changed rest on contradicting votes.
    """

    parent: Dataset
    reviews: tuple[str, ...]
    rules: FeedbackRules
    columns: Columns
    outcomes: dict[str, int]
    added: Counts
    relabelled: dict[str, int]
    replaced_origins: dict[str, int]
    kept_origins: dict[str, int]
    overruled: int
    held_origins: dict[str, int]
    ungraded: int
    only_hasty: int
    counts: Counts
    members: list[dict[str, Any]]
    inspectors: dict[str, int]
    hasty: HastyVotes
    contradictions: Contradictions

    @property
    def changes(self) -> bool:
        """Whether anything would be added or relabelled."""
        return bool(self.outcomes.get(feedback_rules.ADDED) or self.relabelled)


def has_known_labels(ws: Workspace, dataset_name: str) -> bool:
    """Return whether a version holds labels of a catalogue or a simulation, better known than votes are."""
    dataset = datasets.get_dataset(ws.database, dataset_name)
    return not datasets.label_origins(ws.database, dataset.id).isdisjoint(TRUSTED_ORIGINS)


def plan_feedback(
    ws: Workspace, *, dataset_name: str, review_names: Sequence[str], rules: FeedbackRules
) -> FeedbackPlan:
    """Say what feeding votes back would add, relabel and ignore, and why; store nothing.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        When the dataset or a review does not exist, no review is given, none of their votes counts, or a
        review shows cutouts that do not fit the dataset.
    """
    parent = datasets.get_dataset(ws.database, dataset_name)
    graded = graded_cutouts(ws, review_names, rules)
    consensus = graded.consensus
    members = datasets.member_columns(ws.database, parent.id, extra=MEMBER_EXTRA)
    member_row = rows_of(consensus.cutout_id, members["cutout_id"])
    has_label, is_member = graded.label != None, member_row >= 0  # noqa: E711 - compares each element
    otherwise = ~is_member & _contradict_their_source(graded)
    left_out = otherwise & (not rules.relabel)
    new, old = np.flatnonzero(~is_member & has_label & ~left_out), np.flatnonzero(is_member & has_label)
    columns = {name: values[new] for name, values in graded.columns.items()}
    placement = place_new_cutouts(ws, parent, members, columns=columns, label=graded.label[new], rules=rules)
    accepted = placement.accepted
    outcome = _outcomes_of_members(graded, members, rows=old, member_row=member_row, rules=rules)
    outcome[new] = np.where(accepted, feedback_rules.ADDED, placement.refusal)
    outcome[left_out] = feedback_rules.LABELLED_OTHERWISE
    changed = np.flatnonzero(outcome == feedback_rules.RELABELLED)
    changed_row = member_row[changed]
    relabelled = zip(members["label"][changed_row], graded.label[changed], strict=True)
    rows = relabelled_members(members, graded, changed=changed, member_row=changed_row)
    rows += placed_rows(
        placement, cutout_id=consensus.cutout_id[new], label=graded.label[new], label_from=graded.origin[new]
    )
    part_of = {row["cutout_id"]: row["part"] for row in rows}
    labelled = np.isin(outcome, (feedback_rules.ADDED, feedback_rules.RELABELLED))
    parts = np.array([part_of.get(key, "") for key in consensus.cutout_id.tolist()], object)
    ungraded, only_hasty = graded.without_votes(candidates_of(ws, graded.reviews))
    return FeedbackPlan(
        parent=parent,
        reviews=graded.review_names,
        rules=rules,
        columns=graded.table() | {"outcome": outcome, "part": parts},
        outcomes=dict(Counter(outcome.tolist())),
        added=count_parts(placement.part[accepted], graded.label[new[accepted]]),
        relabelled=dict(Counter(f"{before} → {after}" for before, after in relabelled)),
        replaced_origins=_origins(members, changed_row),
        kept_origins=_origins(members, member_row[outcome == feedback_rules.KEPT]),
        overruled=int((outcome[otherwise] == feedback_rules.ADDED).sum()),
        held_origins=_origins(members, member_row[is_member]),
        ungraded=ungraded,
        only_hasty=only_hasty,
        counts=count_parts(*(np.array([row[name] for row in rows], object) for name in ("part", "label"))),
        members=rows,
        inspectors=graded.inspectors,
        hasty=graded.hasty_behind(labelled),
        contradictions=graded.contradictions(labelled),
    )


def _contradict_their_source(graded: Graded) -> NDArray[np.bool_]:
    """Return which labels contradict those that the sources give to the cutouts."""
    known, wanted = graded.columns["label"], graded.label
    return np.asarray(np.isin(known, LABELS) & np.isin(wanted, LABELS) & (known != wanted), bool)


def _outcomes_of_members(
    graded: Graded,
    members: Columns,
    *,
    rows: NDArray[np.int64],
    member_row: NDArray[np.int64],
    rules: FeedbackRules,
) -> NDArray[Any]:
    """Return what becomes of the graded cutouts at `rows`, which the parent holds; of others the reason."""
    outcome, places = graded.reason.copy(), member_row[rows]
    outcome[rows] = feedback_rules.member_outcomes(
        members["part"][places], members["label"][places], graded.label[rows], rules
    )
    confirmed = np.flatnonzero(outcome == feedback_rules.CONFIRMED)
    outcome[confirmed[_written_by(graded, members["label_from"][member_row[confirmed]])]] = OWN_LABEL
    return outcome


def _written_by(graded: Graded, label_from: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which labels the votes of the graded cutouts' own reviews have made."""
    names, origins = {review.name for review in graded.reviews}, map(read_origin, label_from.tolist())
    return np.array([one.kind == "votes" and names.issuperset(one.reviews) for one in origins], bool)


def _origins(members: Columns, rows: NDArray[np.int64]) -> dict[str, int]:
    """Return how many of some members have their label from where."""
    return dict(Counter(members["label_from"][rows].tolist()))


def relabelled_members(
    members: Columns, graded: Graded, *, changed: NDArray[np.int64], member_row: NDArray[np.int64]
) -> list[dict[str, Any]]:
    """Return the members of the parent as rows to store, with new labels where the votes change them."""
    rows = members_as_rows(members)
    for k, row_index in zip(changed.tolist(), member_row.tolist(), strict=True):
        rows[row_index] |= {"label": graded.label[k], "label_from": graded.origin[k]}
    return rows
