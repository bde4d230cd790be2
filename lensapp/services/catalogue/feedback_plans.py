"""Work out what votes would change in a dataset version, without storing anything."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.catalogue import feedback_rules
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.inspect.consensus import Consensus
from lensapp.core.split.splits import group_cutouts
from lensapp.services.catalogue.graded_cutouts import Graded, graded_cutouts
from lensapp.services.inspect.consensus import candidates_of
from lensapp.services.inspect.review_selection import votes_of_reviews
from lensapp.services.split.split_tables import TABLE_COLUMNS, as_table, refuse_mismatch
from lensapp.services.split.versions import Counts, count_parts, split_spec_of
from lensapp.storage import datasets, sources
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset, Review
from lensapp.storage.workspace import Workspace

MEMBER_EXTRA = ("parent", "ra_deg", "dec_deg", "perceptual_hash", "pixels_digest")


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
        One entry per graded cutout: cutout_id, candidate_id, source_id, grade, mean, votes, label (None
        where ignored), outcome, part ("" where not a member afterwards).
    outcomes
        Outcome -> number of graded cutouts (see `lensapp.core.catalogue.feedback_rules`).
    added, relabelled
        Part -> label -> number of new members; "old → new" -> number of changed labels.
    ungraded
        Candidates of the reviews without a vote that counts: ignored.
    counts
        Part -> label -> number in the new version.
    members
        The new version's members, as stored.
    inspectors
        Name -> number of their votes that count.
    """

    parent: Dataset
    reviews: tuple[str, ...]
    rules: FeedbackRules
    columns: Columns
    outcomes: dict[str, int]
    added: Counts
    relabelled: dict[str, int]
    ungraded: int
    counts: Counts
    members: list[dict[str, Any]]
    inspectors: dict[str, int]

    @property
    def changes(self) -> bool:
        """Whether anything would be added or relabelled."""
        return bool(self.outcomes.get(feedback_rules.ADDED) or self.relabelled)


def plan_feedback(
    ws: Workspace, *, dataset_name: str, review_names: Sequence[str], rules: FeedbackRules
) -> FeedbackPlan:
    """Work out the members of the version that the votes of some reviews would make.

    Raises
    ------
    NotFound
        When the dataset or a review does not exist.
    InvalidInput
        When no review is given or none of their votes counts.
    BandMismatch
        When a review shows cutouts that do not fit the dataset.
    """
    parent = datasets.get_dataset(ws.database, dataset_name)
    found, votes = votes_of_reviews(ws, review_names)
    graded = graded_cutouts(ws, found, votes, rules)
    members = datasets.member_columns(ws.database, parent.id, extra=MEMBER_EXTRA)
    is_member = np.isin(graded.consensus.cutout_id, members["cutout_id"])
    new = np.flatnonzero(~is_member & (graded.label != None))  # noqa: E711 - compares each element
    placed = _place(ws, parent, members, graded, new=new, rules=rules)
    outcome = _outcomes(members, graded, placed, is_member=is_member, new=new, rules=rules)
    rows = _kept_rows(members, graded, outcome) + _new_rows(graded, placed, new)
    part, label = (np.array([row[name] for row in rows], object) for name in ("part", "label"))
    added = outcome[new] == feedback_rules.ADDED
    return FeedbackPlan(
        parent=parent,
        reviews=tuple(review.name for review in found),
        rules=rules,
        columns=_report(graded, outcome, {row["cutout_id"]: row["part"] for row in rows}),
        outcomes=dict(Counter(outcome.tolist())),
        added=count_parts(placed.part[added], graded.label[new[added]]),
        relabelled=_relabelled(members, graded, outcome),
        ungraded=_ungraded(ws, found, graded.consensus),
        counts=count_parts(part, label),
        members=rows,
        inspectors=graded.inspectors,
    )


def _place(
    ws: Workspace,
    parent: Dataset,
    members: Columns,
    graded: Graded,
    *,
    new: NDArray[np.int64],
    rules: FeedbackRules,
) -> feedback_rules.Placement:
    """Find the parts of new cutouts, grouped together with all members."""
    names = _source_names(ws, parent, graded.columns["source_id"][new])
    both: Columns = {
        name: np.concatenate([members["cutout_id" if name == "id" else name], graded.columns[name][new]])
        for name in TABLE_COLUMNS
    }
    linked = group_cutouts(as_table(both, names), split_spec_of(parent)).group
    folds = np.array([-1 if fold is None else fold for fold in members["fold"]], np.int64)
    size = len(members["cutout_id"])
    return feedback_rules.place_new(
        linked=linked[size:],
        label=graded.label[new],
        member_linked=linked[:size],
        member_part=members["part"],
        member_fold=folds,
        member_group=members["group_id"],
        folds=int(folds.max(initial=-1)) + 1,
        rules=rules,
    )


def _source_names(ws: Workspace, parent: Dataset, source_ids: NDArray[Any]) -> dict[int, str]:
    """Return the names of the sources of members and new cutouts; BandMismatch when they do not fit."""
    own = [sources.source_by_id(ws.database, key) for key in parent.source_ids]
    others = [
        sources.source_by_id(ws.database, key)
        for key in sorted({int(key) for key in source_ids} - set(parent.source_ids))
    ]
    for other in others:
        refuse_mismatch(own[0], other)
    return {source.id: source.name for source in (*own, *others)}


def _outcomes(
    members: Columns,
    graded: Graded,
    placed: feedback_rules.Placement,
    *,
    is_member: NDArray[np.bool_],
    new: NDArray[np.int64],
    rules: FeedbackRules,
) -> NDArray[Any]:
    outcome = graded.reason.copy()
    old = np.flatnonzero(is_member & (graded.label != None))  # noqa: E711 - compares each element
    row = np.searchsorted(members["cutout_id"], graded.consensus.cutout_id[old])
    outcome[old] = feedback_rules.member_outcomes(
        members["part"][row], members["label"][row], graded.label[old], rules
    )
    refused = placed.refusal != None  # noqa: E711 - compares each element
    outcome[new] = np.where(refused, placed.refusal, feedback_rules.ADDED)
    return outcome


def _kept_rows(members: Columns, graded: Graded, outcome: NDArray[Any]) -> list[dict[str, Any]]:
    """Return the parent's members, relabelled where votes say so; all else as it was."""
    names = ("cutout_id", "part", "label", "group_id", "fold", "label_from")
    values = zip(*[members[name].tolist() for name in names], strict=True)
    rows = [dict(zip(names, row, strict=True)) for row in values]
    changed = np.flatnonzero(outcome == feedback_rules.RELABELLED)
    for place, row in zip(changed, _rows_of(members, graded, changed), strict=True):
        rows[row] |= {"label": graded.label[place], "label_from": graded.origin[place]}
    return rows


def _rows_of(members: Columns, graded: Graded, places: NDArray[np.int64]) -> list[int]:
    found: list[int] = np.searchsorted(members["cutout_id"], graded.consensus.cutout_id[places]).tolist()
    return found


def _new_rows(
    graded: Graded, placed: feedback_rules.Placement, new: NDArray[np.int64]
) -> list[dict[str, Any]]:
    return [
        {
            "cutout_id": int(graded.consensus.cutout_id[place]),
            "part": placed.part[k],
            "label": graded.label[place],
            "group_id": int(placed.group[k]),
            "fold": int(placed.fold[k]) if placed.fold[k] >= 0 else None,
            "label_from": graded.origin[place],
        }
        for k, place in enumerate(new.tolist())
        if placed.refusal[k] is None
    ]


def _relabelled(members: Columns, graded: Graded, outcome: NDArray[Any]) -> dict[str, int]:
    changed = np.flatnonzero(outcome == feedback_rules.RELABELLED)
    before = members["label"][_rows_of(members, graded, changed)]
    return dict(Counter(f"{old} → {new}" for old, new in zip(before, graded.label[changed], strict=True)))


def _ungraded(ws: Workspace, found: Sequence[Review], consensus: Consensus) -> int:
    return len(np.setdiff1d(candidates_of(ws, found), consensus.cutout_id))


def _report(graded: Graded, outcome: NDArray[Any], part_of: dict[int, str]) -> Columns:
    consensus = graded.consensus
    part = np.empty(len(consensus), object)
    part[:] = [part_of.get(key, "") for key in consensus.cutout_id.tolist()]
    return {
        "cutout_id": consensus.cutout_id,
        "candidate_id": graded.columns["candidate_id"],
        "source_id": graded.columns["source_id"].astype(np.int64),
        "grade": consensus.grade,
        "mean": consensus.mean,
        "votes": consensus.votes,
        "label": graded.label,
        "outcome": outcome,
        "part": part,
    }
