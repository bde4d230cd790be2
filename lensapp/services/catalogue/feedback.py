"""Feed votes back: consensus becomes labels in a new dataset version; the test part stays untouched."""

from collections.abc import Sequence
from typing import Any

from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.split.splits import SplitSpec, split_cutouts
from lensapp.services.catalogue.feedback_plans import FeedbackPlan, plan_feedback
from lensapp.services.catalogue.graded_cutouts import graded_cutouts
from lensapp.services.inspect.review_selection import votes_of_reviews
from lensapp.services.split.datasets import describe
from lensapp.services.split.split_tables import as_table, ready_sources
from lensapp.services.split.versions import (
    checksum_of,
    count_parts,
    next_name,
    require_both_classes,
    stem_of,
    stored_checksum,
)
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.records import Dataset, Review
from lensapp.storage.workspace import Workspace

__all__ = [
    "FeedbackPlan",
    "FeedbackRules",
    "feed_back",
    "freeze_votes",
    "label",
    "preview_feed_back",
    "suggest_dataset",
]


def preview_feed_back(
    ws: Workspace, *, dataset_name: str, review_names: Sequence[str], rules: FeedbackRules
) -> FeedbackPlan:
    """Say what feeding votes back would add, relabel and ignore, and why; store nothing.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        As `feed_back`.
    """
    return plan_feedback(ws, dataset_name=dataset_name, review_names=review_names, rules=rules)


def feed_back(
    ws: Workspace,
    *,
    dataset_name: str,
    review_names: Sequence[str],
    rules: FeedbackRules,
    name: str | None = None,
) -> Dataset:
    """Freeze a new dataset version that holds the parent's members and what the votes add or relabel.

    Parameters
    ----------
    ws
        The workspace.
    dataset_name
        The parent version; its test part is taken over unchanged.
    review_names
        Reviews whose votes are combined.
    rules
        Which grades become which label; stored with the version.
    name
        Default: the parent's name with the next version number.

    Raises
    ------
    NotFound
        When the dataset or a review does not exist.
    InvalidInput
        When no vote counts, nothing would change, a part would lack a class, or the name is taken.
    BandMismatch
        When a review shows cutouts that do not fit the dataset.
    """
    plan = plan_feedback(ws, dataset_name=dataset_name, review_names=review_names, rules=rules)
    if not plan.changes:
        reasons = ", ".join(f"{count} {outcome}" for outcome, count in sorted(plan.outcomes.items()))
        raise InvalidInput(
            f"Expected votes that add or change a label of {dataset_name}, received {reasons}. "
            "Grade further candidates or change the rules."
        )
    require_both_classes(plan.counts)
    return _freeze(ws, plan, name or next_name(ws, stem_of(plan.parent.name)))


def _freeze(ws: Workspace, plan: FeedbackPlan, name: str) -> Dataset:
    parent = plan.parent
    used = {int(key) for key in plan.columns["source_id"][plan.columns["part"] != ""]}
    source_ids = (*parent.source_ids, *sorted(used - set(parent.source_ids)))
    return datasets.create_dataset(
        ws.database,
        name=name,
        parent_id=parent.id,
        source_ids=source_ids,
        bands=parent.bands,
        spec={
            "kind": "feedback",
            "parent": parent.name,
            "reviews": list(plan.reviews),
            "rules": plan.rules.saved(),
            "split": parent.spec.get("split"),
            "inspectors": plan.inspectors,
            "outcomes": plan.outcomes,
            "ungraded": plan.ungraded,
            "test_checksum": stored_checksum(ws, parent, part="test"),
        },
        counts=plan.counts,
        checksum=_checksum(ws, plan.members),
        members=plan.members,
    )


def _checksum(ws: Workspace, members: Sequence[dict[str, Any]]) -> str:
    cutouts = sources.get_cutouts(ws.database, [row["cutout_id"] for row in members])
    names = {source.id: source.name for source in sources.list_sources(ws.database)}
    return checksum_of(
        (names[c.source_id], c.candidate_id, row["part"], row["label"], row["fold"], c.pixels_digest)
        for c, row in zip(cutouts, members, strict=True)
    )


def freeze_votes(
    ws: Workspace,
    *,
    review_names: Sequence[str],
    rules: FeedbackRules,
    spec: SplitSpec | None = None,
    name: str | None = None,
) -> Dataset:
    """Split graded cutouts by their consensus alone: the first version of a survey without labels.

    Raises
    ------
    NotFound, InvalidInput
        As `feed_back`.
    """
    split_by = spec or SplitSpec()
    found, votes = votes_of_reviews(ws, review_names)
    graded = graded_cutouts(ws, found, votes, rules)
    graded.columns["label"][:] = graded.label
    shown = {key for review in found for key in reviews.source_ids_of(ws.database, review)}
    used = ready_sources(ws, [sources.source_by_id(ws.database, key).name for key in sorted(shown)])
    names = {source.id: source.name for source in used}
    split = split_cutouts(as_table(graded.columns, names), split_by)
    members = [
        {
            "cutout_id": int(graded.consensus.cutout_id[place]),
            "part": part,
            "label": graded.label[place],
            "group_id": int(split.group[place]),
            "fold": int(split.fold[place]) if split.fold[place] >= 0 else None,
            "label_from": graded.origin[place],
        }
        for place, part in enumerate(split.part.tolist())
        if part
    ]
    counts = count_parts(split.part, graded.label)
    require_both_classes(counts)
    return datasets.create_dataset(
        ws.database,
        name=name or next_name(ws, used[0].name),
        source_ids=list(names),
        bands=used[0].bands,
        spec={
            "kind": "votes",
            "reviews": list(review_names),
            "rules": rules.saved(),
            "split": split_by.saved(),
        },
        counts=counts,
        checksum=_checksum(ws, members),
        members=members,
    )


def label(
    ws: Workspace,
    *,
    name: str,
    dataset_name: str | None = None,
    rules: FeedbackRules | None = None,
    new_name: str | None = None,
) -> dict[str, Any]:
    """Freeze the votes on a source, in a review, or on the sources of a dataset version.

    Parameters
    ----------
    ws
        The workspace.
    name
        A review, a source (all its reviews) or a dataset version (the reviews of its sources).
    dataset_name
        The version to build on. Default: `name` itself where it is one, the dataset of the run whose
        scores were reviewed, or the newest that holds the source; without any, votes alone are split.
    rules
        Which grades become which label.
    new_name
        Name of the new version.

    Returns
    -------
    dict
        As `lensapp.services.split.datasets.describe`, with `outcomes` of the votes.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        As `feed_back`.
    """
    chosen = _reviews_of(ws, name)
    used = rules or FeedbackRules()
    parent = dataset_name or suggest_dataset(ws, name)
    names = [review.name for review in chosen]
    if parent is None:
        made = freeze_votes(ws, review_names=names, rules=used, name=new_name)
    else:
        made = feed_back(ws, dataset_name=parent, review_names=names, rules=used, name=new_name)
    return describe(ws, made) | {"outcomes": made.spec.get("outcomes", {}), "reviews": names}


def _reviews_of(ws: Workspace, name: str) -> list[Review]:
    """Return the reviews that a name stands for, oldest first."""
    every = sorted(reviews.list_reviews(ws.database), key=_key)
    own = [review for review in every if review.name == name]
    if own:
        return own
    found = {source.name: {source.id} for source in sources.list_sources(ws.database)}
    found = {d.name: set(d.source_ids) for d in datasets.list_datasets(ws.database)} | found
    if name not in found:
        raise NotFound(
            f"Expected the name of a review, a source or a dataset version, received {name!r}. "
            f"Known: {', '.join([review.name for review in every] + list(found)) or 'none yet'}."
        )
    chosen = [review for review in every if found[name] & set(reviews.source_ids_of(ws.database, review))]
    if not chosen:
        raise InvalidInput(f"Expected votes on {name}, received none. Grade candidates first.")
    return chosen


def _key(review: Review) -> int:
    return review.id


def suggest_dataset(ws: Workspace, name: str) -> str | None:
    """Return the dataset version to which the votes on a source, review or dataset belong.

    That is `name` itself where it is one; else the newest version that descends from the one whose
    network gave the scores reviewed last; else the newest that holds the source; else None.
    """
    versions = datasets.list_datasets(ws.database)
    if name in {version.name for version in versions}:
        return name
    chosen = _reviews_of(ws, name)
    scored_by = [review.run_id for review in chosen if review.run_id is not None]
    if not scored_by:
        held = {key for review in chosen for key in reviews.source_ids_of(ws.database, review)}
        return next((version.name for version in versions if held & set(version.source_ids)), None)
    family = {runs.run_by_id(ws.database, scored_by[-1]).dataset_id}
    for version in reversed(versions):
        if version.parent_id in family:
            family.add(version.id)
    return next(version.name for version in versions if version.id in family)
