"""Add the known non-lenses that a network takes for lenses to the next dataset version."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.acting import needs
from lensapp.core.align import rows_of
from lensapp.core.catalogue.feedback_rules import OF_SEVERAL
from lensapp.core.catalogue.negatives_spec import HardNegativesSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.plurals import thin_spaced
from lensapp.services.catalogue.feedback_plans import Graded, graded_cutouts
from lensapp.services.catalogue.label_origin import read_origin
from lensapp.services.catalogue.next_version import (
    MEMBER_EXTRA,
    freeze_next,
    members_as_rows,
    place_new_cutouts,
    placed_rows,
)
from lensapp.services.inspect.queues import is_fed_back
from lensapp.services.inspect.vote_log import graded_candidates, voted_per_review
from lensapp.services.score.features import UNLABELLED
from lensapp.services.score.scores import aligned_scores, load_scored
from lensapp.services.split.datasets import describe_dataset
from lensapp.services.split.split_tables import TABLE_COLUMNS
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset, Run, Source
from lensapp.storage.workspace import Workspace

IN_THE_DATASET = "in the dataset already"
NONLENS, NO_CLASS, GRADED_X = "nonlens", "unknown", "lens graded X"


class NoneLeft(InvalidInput):
    """No known non-lens of a source is left that could be added; the message says why."""


@dataclass(frozen=True, eq=False)
class Nonlenses:
    """Known non-lenses of a source, in the order of its rows.

    Attributes
    ----------
    columns
        What decides which cutouts belong together (TABLE_COLUMNS).
    kind
        What each is, such as Spiral; "unknown" where nothing tells.
    label_from
        Where the label comes from.
    """

    columns: Columns
    kind: NDArray[Any]
    label_from: NDArray[Any]

    def of(self, rows: NDArray[Any]) -> "Nonlenses":
        """Return some of them."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Nonlenses(columns, self.kind[rows], self.label_from[rows])


@dataclass(frozen=True, eq=False)
class HardNegativesPlan:
    """What adding the non-lenses that a run scores highest would do.

    Attributes
    ----------
    parent, source, run, spec
        What is added to, where they come from, whose scores are wrong, and which are taken.
    columns
        One entry per non-lens that would be added, highest scores first: cutout_id, kind, score.
    known, added, passed_over, refused
        Class -> number of known non-lenses; class -> number that would be added; reason -> number that were
        not chosen; reason -> number that were chosen, but no part takes.
    graded
        How many of those that would be added are known by votes, which votes fed back add, too.
    rows
        The new version's members, as stored.
    """

    parent: Dataset
    source: Source
    run: Run
    spec: HardNegativesSpec
    columns: Columns
    known: dict[str, int]
    added: dict[str, int]
    passed_over: dict[str, int]
    refused: dict[str, int]
    graded: int
    rows: list[dict[str, Any]]


def plan_hard_negatives(
    ws: Workspace,
    *,
    dataset_name: str,
    source_name: str,
    run_name: str,
    spec: HardNegativesSpec,
    known: Nonlenses | None = None,
) -> HardNegativesPlan:
    """Say which non-lenses of a source would be added to a version, those that a run scores highest.

    Non-lenses are cutouts labelled so, or graded X; what is labelled or graded otherwise, and what nobody
    judged, is never taken, whatever its score. The test part is taken over unchanged. Nothing is stored.

    `known` are those of `known_nonlenses`, where they have been read already.

    Raises
    ------
    NotFound, BandMismatch
        When the dataset, source or run does not exist, or the cutouts do not fit the dataset.
    NoneLeft
        When no non-lens is left to add, or no part of the dataset takes any.
    """
    parent = datasets.get_dataset(ws.database, dataset_name)
    source, run = sources.get_source(ws.database, source_name), runs.get_run(ws.database, run_name)
    known = known_nonlenses(ws, source, spec) if known is None else known
    members = datasets.member_columns(ws.database, parent.id, extra=MEMBER_EXTRA)
    scores = aligned_scores(ws, known.columns["id"].astype(np.int64), [source.id], run_id=run.id)
    fitting, passed_over = fitting_nonlenses(
        known, scores, held=members["cutout_id"], spec=spec, run_name=run_name
    )
    if not len(fitting):
        raise _none_left(known, passed_over, spec, words=(source_name, run_name))
    chosen = choose(known, scores, fitting, spec)
    if more := len(fitting) - len(chosen):
        passed_over[f"beyond the {thin_spaced(len(chosen))} asked for"] = more
    new, score = known.of(chosen), scores[chosen]
    label = np.full(len(chosen), NONLENS, object)
    placement = place_new_cutouts(ws, parent, members, columns=new.columns, label=label, rules=spec.rules())
    accepted = placement.accepted
    refused = dict(Counter(placement.refusal[~accepted].tolist()))
    if not accepted.any():
        raise NoneLeft(none_placed_words(refused, source_name=source_name))
    best_first = np.flatnonzero(accepted)[np.argsort(-score[accepted], kind="stable")]
    columns = {"cutout_id": new.columns["id"].astype(np.int64), "kind": new.kind, "score": score}
    rows = placed_rows(placement, cutout_id=new.columns["id"], label=label, label_from=new.label_from)
    return HardNegativesPlan(
        parent=parent,
        source=source,
        run=run,
        spec=spec,
        columns={name: values[best_first] for name, values in columns.items()},
        known=dict(Counter(known.kind.tolist())),
        added=dict(Counter(new.kind[accepted].tolist())),
        passed_over=passed_over,
        refused=refused,
        graded=sum(read_origin(one).kind == "votes" for one in new.label_from[accepted].tolist()),
        rows=[*members_as_rows(members), *rows],
    )


def best_unjudged(
    ws: Workspace, *, source: Source, run_name: str, limit: int
) -> tuple[list[int], list[float]]:
    """Return IDs and scores of the cutouts that a run scores highest of those neither labelled nor graded.

    A grade X makes a known non-lens of one.
    """
    scored = load_scored(ws, run=runs.get_run(ws.database, run_name), source=source)
    unjudged = (scored.labels == UNLABELLED) & ~np.isin(scored.cutout_ids, graded_candidates(ws))
    rows = np.flatnonzero(unjudged)[:limit]
    return scored.cutout_ids[rows].tolist(), scored.scores[rows].tolist()


def hardest_known(
    ws: Workspace, *, source: Source, known: Nonlenses, run_name: str, limit: int
) -> tuple[list[int], list[float]]:
    """Return IDs and scores of the known non-lenses of a source that a run scores highest."""
    ids = known.columns["id"].astype(np.int64)
    scores = aligned_scores(ws, ids, [source.id], run_id=runs.get_run(ws.database, run_name).id)
    rows = np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")[:limit]
    rows = rows[np.isfinite(scores[rows])]
    return ids[rows].tolist(), scores[rows].tolist()


@needs("work")
def freeze_hard_negatives(ws: Workspace, plan: HardNegativesPlan, *, name: str | None = None) -> Dataset:
    """Freeze what was planned as a new version, called `name` or by the next number.

    Raises
    ------
    InvalidInput
        When the name is taken.
    """
    return freeze_next(
        ws,
        plan.parent,
        plan.rows,
        of_sources=[plan.source.id],
        spec={
            "kind": "hard negatives",
            "source": plan.source.name,
            "run": plan.run.name,
            "hard_negatives": plan.spec.saved(),
            "added": plan.added,
        },
        name=name,
    )


@needs("work")
def add_hard_negatives(
    ws: Workspace,
    *,
    dataset_name: str,
    source_name: str,
    run_name: str,
    spec: HardNegativesSpec,
    name: str | None = None,
) -> dict[str, Any]:
    """Freeze a version with the members of another and the non-lenses of a source that a run scores highest.

    Returns
    -------
    dict
        As `lensapp.services.split.datasets.describe_dataset`, with how many of each class were `added`, how
        many were `refused` and why, and `lowest_score` among those added.

    Raises
    ------
    NotFound, BandMismatch, InvalidInput
        As `plan_hard_negatives`; also when the name is taken.
    """
    plan = plan_hard_negatives(
        ws, dataset_name=dataset_name, source_name=source_name, run_name=run_name, spec=spec
    )
    made = freeze_hard_negatives(ws, plan, name=name)
    lowest = float(plan.columns["score"][-1])
    return describe_dataset(ws, made) | {"added": plan.added, "refused": plan.refused, "lowest_score": lowest}


def known_nonlenses(ws: Workspace, source: Source, spec: HardNegativesSpec) -> Nonlenses:
    """Return the cutouts of a source that are labelled as non-lenses or graded X, with their classes."""
    of_class = "object_class" if spec.class_column == "object_class" else "properties"
    columns = sources.cutout_columns(ws.database, [source.id], columns=(*TABLE_COLUMNS, of_class))
    kind = columns.pop(of_class)
    if of_class == "properties":
        kind = np.array([str(one.get(spec.class_column) or "") for one in kind], object)
    origin = np.full(len(kind), "demo" if source.kind == sources.SIMULATED else "import", object)
    label = columns["label"].copy()
    graded, named = _graded(ws, source, spec)
    if graded is not None:
        ids = graded.consensus.cutout_id
        at = rows_of(columns["id"].astype(np.int64), ids)
        for row in np.flatnonzero(at >= 0).tolist():
            vote = at[row]
            # A grade that becomes no label leaves it in doubt.
            label[row], origin[row] = graded.label[vote], graded.origin[vote]
            graded_x = GRADED_X if str(kind[row]).casefold() == "lens" else kind[row]
            kind[row] = named.get(int(ids[vote]), graded_x)
    kind = np.array([one or NO_CLASS for one in kind.tolist()], object)
    return Nonlenses(columns, kind, origin).of(np.flatnonzero(label == NONLENS))


def _graded(ws: Workspace, source: Source, spec: HardNegativesSpec) -> tuple[Graded | None, dict[int, str]]:
    """Return the consensus on cutouts of a source, and what most inspectors took each non-lens for."""
    voted = voted_per_review(ws)
    names = [
        review.name
        for review in reviews.list_reviews(ws.database)
        if review.id in voted
        and source.id in reviews.source_ids_of(ws.database, review)
        and is_fed_back(ws, review)
    ]
    if not names:
        return None, {}
    try:
        graded = graded_cutouts(ws, names, spec.rules())
    except InvalidInput:  # every vote was withdrawn
        return None, {}
    counted: dict[int, Counter[str]] = {}
    for vote in graded.counted:
        if vote.contaminant:
            counted.setdefault(vote.cutout_id, Counter())[vote.contaminant] += 1
    return graded, {key: words.most_common(1)[0][0] for key, words in counted.items()}


def fitting_nonlenses(
    known: Nonlenses,
    scores: NDArray[np.float64],
    *,
    held: NDArray[np.int64],
    spec: HardNegativesSpec,
    run_name: str,
) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Return the rows of non-lenses that may be added, highest scores first; reason -> how many may not."""
    fresh = ~np.isin(known.columns["id"].astype(np.int64), held)
    scored = np.isfinite(scores)
    wanted = np.isin(known.kind, spec.classes) if spec.classes else np.ones(len(scores), bool)
    high = np.nan_to_num(scores, nan=-1.0) >= spec.min_score
    counts = {
        IN_THE_DATASET: np.count_nonzero(~fresh),
        f"without a score by {run_name}": np.count_nonzero(fresh & ~scored),
        "of a class that was not chosen": np.count_nonzero(fresh & scored & ~wanted),
        f"with a score below {spec.min_score:g}": np.count_nonzero(fresh & scored & wanted & ~high),
    }
    rows = np.flatnonzero(fresh & scored & wanted & high)
    best_first = rows[np.argsort(-scores[rows], kind="stable")]
    return best_first, {why: int(count) for why, count in counts.items() if count}


def _none_left(
    known: Nonlenses, passed_over: dict[str, int], spec: HardNegativesSpec, *, words: Sequence[str]
) -> NoneLeft:
    """Return why no non-lens is left to add, and what would make some."""
    source_name, run_name = words
    why = ", ".join(f"{thin_spaced(count)} {reason}" for reason, count in passed_over.items())
    advice = "Label or grade more of the source"
    unscored = f"without a score by {run_name}"
    if unscored in passed_over:
        advice += f", or score all of it with {run_name}"
    if passed_over.keys() - {IN_THE_DATASET, unscored}:
        advice = "Choose further classes or a lower least score"
    if spec.classes:
        classes = ", ".join(
            f"{kind} ({thin_spaced(n)})" for kind, n in sorted(Counter(known.kind.tolist()).items())
        )
        advice += f". Its classes are {classes or 'none'}"
    return NoneLeft(
        f"None of the {thin_spaced(len(known.kind))} known non-lenses of {source_name} is left to add: "
        f"{why or 'there are none'}. {advice}."
    )


def none_placed_words(refused: Mapping[str, int], *, source_name: str) -> str:
    """Return why no part of a version takes any of the non-lenses that were chosen: reason -> number."""
    total = sum(refused.values())
    said = [(count, OF_SEVERAL.get(one, f"are left out ({one})")) for one, count in refused.items()]
    why = "; ".join(f"{thin_spaced(count)} {words}" for count, words in said)
    return (
        f"No further non-lens of {source_name} can be added. Of the {thin_spaced(total)} with the highest "
        f"scores {why if len(said) > 1 else 'all ' + said[0][1]}. Take another source."
        if total > 1
        else f"The only non-lens of {source_name} left is kept out of training: {next(iter(refused))}. "
        "Take another source."
    )


def choose(
    known: Nonlenses, scores: NDArray[np.float64], rows: NDArray[np.int64], spec: HardNegativesSpec
) -> NDArray[np.int64]:
    """Return those of the non-lenses in `rows` to add, highest scores first, or evenly from all classes."""
    if spec.even_classes:
        seen: Counter[str] = Counter()
        turn = np.empty(len(rows), np.int64)
        for place, kind in enumerate(known.kind[rows].tolist()):
            turn[place] = seen[kind]
            seen[kind] += 1
        rows = rows[np.argsort(turn, kind="stable")]
    return np.asarray(rows[: spec.count], np.int64)
