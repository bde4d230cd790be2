"""Tables of scores of other programs: which dataset version measures one, or why none does."""

from typing import TypedDict

import numpy as np

from lensapp.core.acting import needs
from lensapp.core.errors import InvalidInput
from lensapp.core.once import once
from lensapp.core.split.splits import LABELS, SECOND_TEST
from lensapp.storage import datasets, runs, sources
from lensapp.storage.records import Dataset, Run
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

TEST = "test"
PARTS = ("train", "validation", TEST, SECOND_TEST)


class Standing(TypedDict):
    """How a table stands to be measured: by a version, or not and why."""

    version: str | None
    why_not: str


def why_not_measured(ws: Workspace, run: Run, *, part: str = TEST) -> str:
    """Return in a sentence why a table of scores cannot be measured on a part; empty where it can.

    It can where a dataset version has lenses and non-lenses in that part that the table scores. A run with a
    network is no table: nothing is said of it.
    """
    return _standing(ws, run.name, part)["why_not"] if run.is_external else ""


@needs("work")
def measured_on(ws: Workspace, run: Run, *, part: str = TEST) -> Dataset:
    """Return the dataset version on whose part a run is measured: that which it was trained on.

    A table of scores is measured on its own where that can; else, before it was measured, on the newest that
    can, such as one into which grades were fed back since the import, and stands on that from then on.

    Raises
    ------
    InvalidInput
        When no version can measure a table; the sentence says why.
    """
    if not run.is_external or part not in PARTS:
        return datasets.dataset_by_id(ws.database, run.dataset_id)
    standing = _standing(ws, run.name, part)
    if standing["version"] is None:
        raise InvalidInput(standing["why_not"])
    dataset = datasets.get_dataset(ws.database, standing["version"])
    if dataset.id != run.dataset_id:
        did = "took another version to measure"
        runs.annotate(ws.database, run, did, detail=dataset.name, dataset_id=dataset.id)
    return dataset


@once
def _standing(ws: Workspace, name: str, part: str) -> Standing:
    run = runs.get_run(ws.database, name)
    every = datasets.list_datasets(ws.database)
    own = [one for one in every if one.id == run.dataset_id]
    others = [] if run.evaluation else [one for one in every if one.id != run.dataset_id]
    scored = stored_scores.scored_sources(ws, run.id)
    for version in own + others:
        if _measures(ws, version, run, scored, part=part):
            return {"version": version.name, "why_not": ""}
    names = " or ".join(sources.source_by_id(ws.database, key).name for key in scored) or "its cutouts"
    whose = own[0].name if own and run.evaluation else "no dataset version"
    has = "has no" if own and run.evaluation else "has"
    why = (
        f"{name} is an imported table of scores and cannot be measured here, because {whose} {has} labelled "
        f"lenses and non-lenses of {names} in its {part} part: grade some and feed the grades back, "
        "or split the source if it has labels."
    )
    return {"version": None, "why_not": why}


def _measures(ws: Workspace, version: Dataset, run: Run, scored: list[int], *, part: str) -> bool:
    """Whether a table scores both classes of a part of a version."""
    shared = [key for key in scored if key in version.source_ids]
    if not shared or not all(version.counts.get(part, {}).get(label) for label in LABELS):
        return False
    members = datasets.member_columns(ws.database, version.id, part=part)
    ids = np.concatenate([stored_scores.scores_of(ws, run.id, key)[0] for key in shared])
    with_scores = np.isin(members["cutout_id"], ids)
    return all((members["label"][with_scores] == label).any() for label in LABELS)
