"""Add the known non-lenses that a network takes for lenses to the next dataset version."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import rows_of
from lensapp.core.catalogue.feedback_rules import Placement
from lensapp.core.catalogue.negatives_spec import HardNegativesSpec
from lensapp.core.errors import InvalidInput
from lensapp.services.catalogue.feedback_plans import (
    MEMBER_EXTRA,
    Graded,
    graded_cutouts,
    members_as_rows,
    place_new_cutouts,
)
from lensapp.services.inspect.queues import is_fed_back
from lensapp.services.score.scores import aligned_scores
from lensapp.services.split.datasets import describe_dataset
from lensapp.services.split.split_tables import TABLE_COLUMNS
from lensapp.services.split.versions import (
    count_parts,
    members_checksum,
    next_name,
    require_both_classes,
    stem_of,
    stored_checksum,
)
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.queries import Columns
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

NONLENS, NO_CLASS = "nonlens", "unknown"


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

    Non-lenses are cutouts labelled so, or graded X; what is labelled or graded otherwise, and what nobody
    judged, is never taken, whatever its score. The test part is taken over unchanged.

    Returns
    -------
    dict
        As `lensapp.services.split.datasets.describe_dataset`, with how many of each class were `added`, how
        many were `refused` and why, and `lowest_score` among those chosen.

    Raises
    ------
    NotFound, BandMismatch
        When the dataset, source or run does not exist, or the cutouts do not fit the dataset.
    InvalidInput
        When no non-lens is left to add, or the name is taken.
    """
    parent = datasets.get_dataset(ws.database, dataset_name)
    source, run = sources.get_source(ws.database, source_name), runs.get_run(ws.database, run_name)
    known = known_nonlenses(ws, source, spec)
    members = datasets.member_columns(ws.database, parent.id, extra=MEMBER_EXTRA)
    scores = aligned_scores(ws, known.columns["id"].astype(np.int64), [source.id], run_id=run.id)
    chosen = choose(known, scores, held=members["cutout_id"], spec=spec, words=(source_name, run_name))
    new = known.of(chosen)
    label = np.full(len(chosen), NONLENS, object)
    placement = place_new_cutouts(ws, parent, members, columns=new.columns, label=label, rules=spec.rules())
    accepted = placement.refusal == None  # noqa: E711 - compares each element
    refused = dict(Counter(placement.refusal[~accepted].tolist()))
    if not accepted.any():
        why = ", ".join(f"{count} {reason}" for reason, count in refused.items())
        raise InvalidInput(f"None of the {len(chosen)} non-lenses can be added: {why}. Take another source.")
    added = dict(Counter(new.kind[accepted].tolist()))
    rows = [*members_as_rows(members), *as_rows(new, placement)]
    counts = count_parts(*(np.array([row[key] for row in rows], object) for key in ("part", "label")))
    require_both_classes(counts)
    made = datasets.create_dataset(
        ws.database,
        name=name or next_name(ws, stem_of(parent.name)),
        parent_id=parent.id,
        source_ids=tuple(dict.fromkeys((*parent.source_ids, source.id))),
        bands=parent.bands,
        spec={
            "kind": "hard negatives",
            "parent": parent.name,
            "source": source.name,
            "run": run.name,
            "hard_negatives": spec.saved(),
            "split": parent.spec.get("split"),
            **({"second_test": parent.spec["second_test"]} if "second_test" in parent.spec else {}),
            "test_checksum": stored_checksum(ws, parent, part="test"),
        },
        counts=counts,
        checksum=members_checksum(ws, rows),
        members=rows,
    )
    lowest = float(scores[chosen].min())
    return describe_dataset(ws, made) | {"added": added, "refused": refused, "lowest_score": lowest}


def as_rows(new: Nonlenses, placement: Placement) -> list[dict[str, Any]]:
    """Return new members as rows to store, without those that no part takes."""
    accepted = np.flatnonzero(placement.refusal == None)  # noqa: E711 - compares each element
    return [
        {
            "cutout_id": int(new.columns["id"][row]),
            "part": placement.part[row],
            "label": NONLENS,
            "group_id": int(placement.group[row]),
            "fold": int(placement.fold[row]) if placement.fold[row] >= 0 else None,
            "label_from": new.label_from[row],
        }
        for row in accepted.tolist()
    ]


def known_nonlenses(ws: Workspace, source: Source, spec: HardNegativesSpec) -> Nonlenses:
    """Return the cutouts of a source that are labelled as non-lenses or graded X, with their classes."""
    columns = sources.cutout_columns(
        ws.database, [source.id], columns=(*TABLE_COLUMNS, "object_class", "properties")
    )
    properties, kind = columns.pop("properties"), columns.pop("object_class")
    if spec.class_column != "object_class":
        kind = np.array([str(one.get(spec.class_column) or "") for one in properties], object)
    origin = np.full(len(kind), "demo" if source.kind == "demo" else "import", object)
    label = columns["label"].copy()
    graded, named = _graded(ws, source, spec)
    if graded is not None:
        ids = graded.consensus.cutout_id
        at = rows_of(columns["id"].astype(np.int64), ids)
        for row in np.flatnonzero(at >= 0).tolist():
            vote = at[row]
            # A grade that becomes no label leaves it in doubt.
            label[row], origin[row] = graded.label[vote], graded.origin[vote]
            kind[row] = named.get(int(ids[vote]), kind[row])
    kind = np.array([one or NO_CLASS for one in kind.tolist()], object)
    return Nonlenses(columns, kind, origin).of(np.flatnonzero(label == NONLENS))


def _graded(ws: Workspace, source: Source, spec: HardNegativesSpec) -> tuple[Graded | None, dict[int, str]]:
    """Return the consensus on cutouts of a source, and what most inspectors took each non-lens for."""
    voted = reviews.votes_per_review(ws.database)
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


def choose(
    known: Nonlenses,
    scores: NDArray[np.float64],
    *,
    held: NDArray[np.int64],
    spec: HardNegativesSpec,
    words: Sequence[str],
) -> NDArray[np.int64]:
    """Return the rows of the non-lenses to add, highest scores first, or evenly from all classes.

    Raises
    ------
    InvalidInput
        When none is left.
    """
    source_name, run_name = words
    fresh = ~np.isin(known.columns["id"].astype(np.int64), held)
    scored = np.isfinite(scores)
    wanted = np.isin(known.kind, spec.classes) if spec.classes else np.ones(len(scores), bool)
    rows = np.flatnonzero(fresh & scored & wanted & (np.nan_to_num(scores, nan=-1.0) >= spec.min_score))
    if not len(rows):
        classes = ", ".join(f"{kind} ({n})" for kind, n in sorted(Counter(known.kind.tolist()).items()))
        raise InvalidInput(
            f"Of {len(scores)} known non-lenses of {source_name} none is left to add: "
            f"{np.count_nonzero(~fresh)} are in the dataset, {np.count_nonzero(~scored)} have no score by "
            f"{run_name}; classes: {classes or 'none'}. Score the source, label or grade more of it, or ask "
            "for less."
        )
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    if spec.even_classes:
        seen: Counter[str] = Counter()
        turn = np.empty(len(rows), np.int64)
        for place, kind in enumerate(known.kind[rows].tolist()):
            turn[place] = seen[kind]
            seen[kind] += 1
        rows = rows[np.argsort(turn, kind="stable")]
    return np.asarray(rows[: spec.count], np.int64)
