"""Feed votes back: consensus becomes labels in a new dataset version; the test part stays untouched."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from lensapp.core.acting import needs
from lensapp.core.catalogue.contradictions import Contradictions
from lensapp.core.catalogue.feedback_rules import IGNORED_GRADE, Placement
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.errors import BandMismatch, InvalidInput, NotFound
from lensapp.core.split.splits import SplitSpec, split_cutouts
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.catalogue.feedback_plans import graded_cutouts, has_known_labels, plan_feedback
from lensapp.services.catalogue.hasty_votes import HastyVotes, counts_hasty
from lensapp.services.catalogue.next_version import freeze_next, placed_rows
from lensapp.services.inspect.queues import is_fed_back
from lensapp.services.inspect.vote_log import voted_per_review
from lensapp.services.split.datasets import describe_dataset
from lensapp.services.split.middle_of_larger import spec_of_middle, with_prints_of_middle
from lensapp.services.split.second_test import OF_SECOND_TEST, reserved_cutouts, showing_same_object
from lensapp.services.split.split_tables import as_table, fitting_sources
from lensapp.services.split.versions import (
    count_parts,
    members_checksum,
    next_name,
    require_both_classes,
)
from lensapp.services.train.beginnings import from_scratch, scratch_in_words, starts_offered
from lensapp.services.train.runs import has_recipe, is_scored, list_statuses, start_training
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.records import Dataset, Review, Run
from lensapp.storage.workspace import Workspace

HASTY_OTHERWISE = {
    True: "To leave them out: --count-hasty false.",
    False: "To let them count: --count-hasty true.",
}
"""What the command adds to its words on votes given too fast, by whether they counted."""


@needs("work")
def feed_back(
    ws: Workspace,
    *,
    dataset_name: str,
    review_names: Sequence[str],
    rules: FeedbackRules,
    name: str | None = None,
) -> Dataset:
    """Freeze a new dataset version that holds the parent's members and what the votes add or relabel.

    The parent's test part is taken over unchanged; the rules are stored with the version.

    Raises
    ------
    NotFound, BandMismatch
        When the dataset or a review does not exist, or a review shows cutouts that do not fit the dataset.
    InvalidInput
        When no vote counts, nothing would change, a part would lack a class, or the name is taken.
    """
    plan = plan_feedback(ws, dataset_name=dataset_name, review_names=review_names, rules=rules)
    if not plan.changes:
        reasons = ", ".join(f"{count} {outcome}" for outcome, count in sorted(plan.outcomes.items()))
        raise InvalidInput(
            f"The votes neither add nor change a label of {dataset_name} ({reasons}). "
            "Grade further candidates or change the rules."
        )
    return freeze_next(
        ws,
        plan.parent,
        plan.members,
        of_sources={int(key) for key in plan.columns["source_id"][plan.columns["part"] != ""]},
        spec={
            "kind": "feedback",
            "reviews": list(plan.reviews),
            "rules": plan.rules.saved(),
            "inspectors": plan.inspectors,
            "outcomes": plan.outcomes,
            "ungraded": plan.ungraded,
            **_spec_of_doubts(plan.hasty, plan.contradictions),
        },
        name=name,
    )


@needs("work")
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
    graded = graded_cutouts(ws, review_names, rules)
    graded.columns["label"][:] = graded.label
    reserved = showing_same_object(ws, graded.columns, reserved_cutouts(ws), split_by)
    graded.columns["label"][reserved] = OF_SECOND_TEST  # which no part takes
    source_ids = {key for review in graded.reviews for key in reviews.source_ids_of(ws.database, review)}
    shown = [sources.source_by_id(ws.database, key).name for key in sorted(source_ids)]
    used = fitting_sources(ws, shown, crop=rules.crop)
    names = {source.id: source.name for source in used}
    split = split_cutouts(as_table(with_prints_of_middle(ws, graded.columns, used), names), split_by)
    refusal = np.full(len(split.part), None, object)
    refusal[split.part == ""] = IGNORED_GRADE
    members = placed_rows(
        Placement(split.part, split.fold, split.group, refusal),
        cutout_id=graded.consensus.cutout_id,
        label=graded.label,
        label_from=graded.origin,
    )
    kept = split.part != ""
    counts = count_parts(split.part, graded.columns["label"])
    require_both_classes(counts, split_by)
    return datasets.create_dataset(
        ws.database,
        name=name or next_name(ws, used[0].name),
        source_ids=list(names),
        bands=used[0].bands,
        spec={
            "kind": "votes",
            "reviews": list(graded.review_names),
            "rules": rules.saved(),
            "split": split_by.saved(),
            **_spec_of_doubts(graded.hasty_behind(kept), graded.contradictions(kept)),
            **spec_of_middle(used),
        },
        counts=counts,
        checksum=members_checksum(ws, members),
        members=members,
    )


def _spec_of_doubts(hasty: HastyVotes, contradictions: Contradictions) -> dict[str, str]:
    """Return what a version keeps of votes that were given too fast or contradict each other, if any."""
    told = {"hasty": hasty.in_words(), "contradicted": contradictions.in_words()}
    return {name: words for name, words in told.items() if words}


@needs("work")
def label(
    ws: Workspace,
    *,
    name: str,
    dataset_name: str | None = None,
    rules: FeedbackRules | None = None,
    new_name: str | None = None,
    also: Sequence[str] = (),
) -> dict[str, Any]:
    """Freeze the votes on a source, in a review, or on the sources of a dataset version.

    Parameters
    ----------
    ws
        The workspace.
    name
        A review, a source (its reviews) or a dataset version (the reviews of its sources). Of a source or
        version, reviews that are not fed back by default are left out.
    dataset_name
        The version to build on. Default: `name` itself where it is one, the dataset of the run whose
        scores were reviewed, or the newest that holds the source; without any, votes alone are split.
    rules
        Which grades become which label. Unless they say otherwise votes given too fast count as on the page:
        not where they are most.
    new_name
        Name of the new version.
    also
        Further reviews whose votes are included.

    Returns
    -------
    dict
        As `lensapp.services.split.datasets.describe_dataset`, with `outcomes` of the votes, and in words
        `left_out` where reviews were, `hasty` where votes were given too fast, `contradicted` where votes
        for lens and for non-lens stand against each other.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        As `feed_back`.
    """
    every = _reviews_of(ws, name)
    of_name = _usually_fed_back(ws, name, every)
    names = list(dict.fromkeys([*(review.name for review in of_name), *also]))
    voted = voted_per_review(ws)
    left_out = [review.name for review in every if review.name not in names and review.id in voted]
    if not names:
        advice = f"{left_out_words(len(left_out))}: {', '.join(left_out)}" if left_out else "grade candidates"
        raise InvalidInput(f"There are no votes on {name} to feed back; {advice}.")
    used = _counting_hasty_as_usual(ws, names, rules or FeedbackRules())
    parent = dataset_name or suggest_dataset(ws, name)
    if parent is None:
        made = freeze_votes(ws, review_names=names, rules=used, name=new_name)
    else:
        made = feed_back(ws, dataset_name=parent, review_names=names, rules=used, name=new_name)
    told = {"left_out": left_out_words(len(left_out))} if left_out else {}
    told |= {name: made.spec[name] for name in ("hasty", "contradicted") if name in made.spec}
    if "hasty" in told:
        told["hasty"] += f" {HASTY_OTHERWISE[used.count_hasty]}"
    return describe_dataset(ws, made) | {"outcomes": made.spec.get("outcomes", {}), "reviews": names} | told


def _counting_hasty_as_usual(ws: Workspace, names: Sequence[str], rules: FeedbackRules) -> FeedbackRules:
    """Return rules that say whether votes given too fast count, as is usual where they leave it open."""
    if "count_hasty" in rules.model_fields_set:
        return rules
    return rules.replaced(count_hasty=counts_hasty(ws, names))


def left_out_words(count: int) -> str:
    """Return the sentence that tells of ad-hoc reviews left out of the feed-back; empty for none."""
    if not count:
        return ""
    if count == 1:
        return "1 ad-hoc review is left out; name it to include its votes"
    return f"{count} ad-hoc reviews are left out; name them to include their votes"


def _usually_fed_back(ws: Workspace, name: str, every: Sequence[Review]) -> list[Review]:
    """Return those of the reviews of a name that are fed back; a review named itself always is."""
    return [review for review in every if review.name == name or is_fed_back(ws, review)]


def _reviews_of(ws: Workspace, name: str) -> list[Review]:
    """Return the reviews that a name stands for, oldest first."""
    every = reviews.list_reviews(ws.database)[::-1]
    own = [review for review in every if review.name == name]
    if own:
        return own
    source_ids = {d.name: set(d.source_ids) for d in datasets.list_datasets(ws.database)}
    source_ids |= {source.name: {source.id} for source in sources.list_sources(ws.database)}
    if name not in source_ids:
        known = ", ".join([review.name for review in every] + list(source_ids)) or "none yet"
        raise NotFound(f"No review, source or dataset version is called {name!r}. There are: {known}.")
    of_name = [r for r in every if source_ids[name] & set(reviews.source_ids_of(ws.database, r))]
    if not of_name:
        raise InvalidInput(f"There are no votes on {name} yet. Grade candidates first.")
    return of_name


def suggest_dataset(ws: Workspace, name: str) -> str | None:
    """Return the dataset version to which the votes on a source, review or dataset belong.

    That is `name` itself where it is one; else the newest version that descends from the one whose
    network gave the scores reviewed last; else the newest that holds the source; else None.
    """
    versions = datasets.list_datasets(ws.database)
    if name in {version.name for version in versions}:
        return name
    every = _reviews_of(ws, name)
    own = _usually_fed_back(ws, name, every) or every
    scored_by = [review.run_id for review in own if review.run_id is not None]
    if scored_by:
        of_family = newest_descendant(versions, runs.run_by_id(ws.database, scored_by[-1]))
        if of_family is not None:  # the starter network was trained elsewhere
            return of_family
    held = {key for review in own for key in reviews.source_ids_of(ws.database, review)}
    return next((version.name for version in versions if held & set(version.source_ids)), None)


def newest_descendant(versions: Sequence[Dataset], run: Run) -> str | None:
    """Return the newest of `versions`, newest first, that a run was trained on or that descends from it."""
    family = {run.dataset_id}
    for version in reversed(versions):
        if version.parent_id in family:
            family.add(version.id)
    return next((version.name for version in versions if version.id in family), None)


def usual_votes_change(ws: Workspace, source_name: str) -> bool:
    """Return whether feeding back the votes on a source, as the page does at first, would change anything.

    Those are the reviews that are fed back by default, added to the suggested version, which keeps labels
    known better than votes are. Without a version the votes make the first one.
    """
    source = sources.get_source(ws.database, source_name)
    shown = [
        r for r in reviews.list_reviews(ws.database) if source.id in reviews.source_ids_of(ws.database, r)
    ]
    voted = voted_per_review(ws)
    fed = [review for review in shown if voted.get(review.id) and is_fed_back(ws, review)]
    if not fed:
        return False
    parent = suggest_dataset(ws, source_name)
    return parent is None or _votes_change(
        ws, parent, tuple(review.name for review in fed), reviews.state_of_votes(ws.database)
    )


@lru_cache(maxsize=16)
def _votes_change(
    ws: Workspace, parent: str, review_names: tuple[str, ...], _state: reviews.StateOfVotes
) -> bool:
    """Return whether votes, as they stand in a state, change a version; where they cannot, they do not."""
    rules = FeedbackRules(
        relabel=not has_known_labels(ws, parent),
        crop=True,
        count_hasty=counts_hasty(ws, review_names),
    )
    try:
        return plan_feedback(ws, dataset_name=parent, review_names=review_names, rules=rules).changes
    except (BandMismatch, InvalidInput):
        return False


@dataclass(frozen=True, eq=False)
class Retraining:
    """What can be trained from the newest version that votes or hard negatives have made.

    Attributes
    ----------
    dataset
        The version.
    parent
        Name of the version before it, empty for a first one.
    gained
        Label -> how many more of it the version has than the one before.
    recipes
        Runs whose settings and network can be used, the one whose scores were looked at first.
    trained
        The newest run on the version, whether it has ended or not; None where there is none yet.
    """

    dataset: Dataset
    parent: str
    gained: dict[str, int]
    recipes: tuple[str, ...]
    trained: Run | None


def retraining(ws: Workspace) -> Retraining | None:
    """Return the newest version that votes or hard negatives have made and what to train from it, or None."""
    versions = datasets.list_datasets(ws.database)
    made = next((one for one in versions if {"reviews", "hard_negatives"} & one.spec.keys()), None)
    if made is None:
        return None
    review_names, run_name = made.spec.get("reviews", ()), made.spec.get("run")
    looked_at = {one.run_id for one in reviews.list_reviews(ws.database) if one.name in review_names}
    statuses = list_statuses(ws)
    usable = [status.run for status in statuses if has_recipe(status.run) and is_scored(ws, status.run)]
    usable.sort(key=lambda run: run.id not in looked_at and run.name != run_name)
    parent = next((one for one in versions if one.id == made.parent_id), None)
    gained = _labels_of(made)
    gained.subtract(Counter() if parent is None else _labels_of(parent))
    return Retraining(
        dataset=made,
        parent="" if parent is None else parent.name,
        gained={label: count for label, count in gained.items() if count},
        recipes=tuple(run.name for run in usable),
        trained=next((one.run for one in statuses if one.run.dataset_id == made.id), None),
    )


def _labels_of(version: Dataset) -> Counter[str]:
    labels: Counter[str] = Counter()
    for counts in version.counts.values():
        labels.update(counts)
    return labels


def parent_names(ws: Workspace, source_name: str, *, run_name: str | None = None) -> list[str]:
    """Return the dataset versions to which votes on a source can be added, the suggested one first.

    With `run_name` those to which what that run mistakes can be added.
    """
    versions = datasets.list_datasets(ws.database)
    if not versions:
        return []
    if run_name is None:
        suggested = suggest_dataset(ws, source_name)
    else:
        suggested = newest_descendant(versions, runs.get_run(ws.database, run_name))
    return sorted((version.name for version in versions), key=lambda name: name != suggested)


def start_of(ws: Workspace, *, dataset_name: str, recipe: str) -> str | None:
    """Return the run whose weights `recipe` began with, where a training on the version can too; or None."""
    run = runs.get_run(ws.database, recipe)
    begun = run.spec.get("initial_run")
    if begun is None:
        return None
    dataset = datasets.get_dataset(ws.database, dataset_name)
    offered = starts_offered(ws, [one.run for one in list_statuses(ws)], dataset, run.model)
    return str(begun) if begun in offered else None


def changed_from_scratch(ws: Workspace, recipe: str) -> str:
    """Return what a training from scratch has other than the run `recipe`; empty where that had no start."""
    values = runs.get_run(ws.database, recipe).spec
    return "" if values.get("initial_run") is None else scratch_in_words(values)


@needs("work")
def retrain(ws: Workspace, *, dataset_name: str, recipe: str, initial_run: str | None) -> str:
    """Queue a training by the settings of the run `recipe`.

    It continues from the best network of `initial_run`. From scratch it takes learning rate and epochs from
    the recipe of its network where `recipe` itself began with weights.

    Returns
    -------
    str
        The name of the new run.

    Raises
    ------
    NotFound, InvalidInput
        When a name is unknown, or the settings do not fit the dataset version.
    """
    values = runs.get_run(ws.database, recipe).spec
    if initial_run is None and values.get("initial_run") is not None:
        values = from_scratch(values)
    spec = TrainingSpec.parse({**values, "initial_run": initial_run})
    run, _ = start_training(ws, dataset_name=dataset_name, spec=spec)
    return run.name
