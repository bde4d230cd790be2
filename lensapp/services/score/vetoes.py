"""Vetoes of false positives after a network: measured on validation, kept with the run, used in catalogues.

A rule is a filter that says what candidates have to fulfil: on columns of the catalogue, on the probabilities
of classes by a run that tells them (`probability_artefact < 0.5`), or of estimated values
(`einstein_radius_arcsec > 0.4`). What a candidate has no value of does not veto it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.acting import needs
from lensapp.core.config import read_json, write_json
from lensapp.core.data.conditions import Column, parse_filter
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.vetoes import VetoFigures, measure_veto
from lensapp.services.evaluate.differences import scored
from lensapp.services.evaluate.evaluation import task_of
from lensapp.services.score.estimates import estimates_of
from lensapp.storage import datasets, runs, sources
from lensapp.storage.care.trail import note_change
from lensapp.storage.columns.filtering import columns_of
from lensapp.storage.files import VETOES
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace

FloatArray = NDArray[np.float64]
Ids = NDArray[np.int64]

PART = "validation"
BY_RUN = (
    "If a run gives it, let that run score these sources and name it as a further run (--by RUN on the "
    "command line)."
)


def veto_figures(
    ws: Workspace, run_name: str, rule: str, *, threshold: float, by: Sequence[str] = ()
) -> VetoFigures:
    """Measure a rule on the validation part of a run, among the cutouts that it accepts.

    Parameters
    ----------
    by
        Further runs whose classes or values the rule names; they have scored the sources.

    Raises
    ------
    NotFound, InvalidInput
        When the run was not evaluated on the validation part, or the rule is none or names unknown columns.
    """
    evaluation = scored(ws, run_name, part=PART)
    run = runs.get_run(ws.database, run_name)
    members = datasets.dataset_by_id(ws.database, run.dataset_id).source_ids
    owners = [sources.source_by_id(ws.database, key) for key in members]
    own: dict[str, FloatArray] = {}
    if evaluation.stored.probabilities is not None:
        probabilities = np.asarray(evaluation.stored.probabilities, np.float64)
        own = {f"probability_{name}": probabilities[:, at] for at, name in enumerate(evaluation.classes)}
    ids = evaluation.stored.cutout_ids
    vetoed = vetoed_by(ws, run, rule, ids=ids, owners=owners, by=by, known=own)
    objects = evaluation.stored.group_ids
    return measure_veto(evaluation.labels, evaluation.scores, vetoed, threshold=threshold, objects=objects)


def vetoed_by(
    ws: Workspace,
    run: Run,
    rule: str,
    *,
    ids: Ids,
    owners: Sequence[Source],
    by: Sequence[str] = (),
    known: dict[str, FloatArray] | None = None,
) -> NDArray[np.bool_]:
    """Return which cutouts (n,) of some sources break a rule; columns in `known` need not be read."""
    parsed = parse_filter(rule)
    columns: dict[str, Column] = dict(known or {})
    asking = [run, *(runs.get_run(ws.database, name) for name in by)]
    # Runs go first: simulated surveys have the truth in columns of the names of estimated values.
    for name in parsed.names:
        said = [run for run in asking if name in task_of(ws, run).columns()]
        if said and name not in columns:
            columns[name] = _estimates(ws, name, ids=ids, owners=owners, said=said)
    try:
        columns |= columns_of(ws, owners, [one for one in parsed.names if one not in columns], ids=ids)
    except InvalidInput as error:
        raise InvalidInput(f"{error} {BY_RUN}") from error
    return parsed.fails(columns, len(ids))


def _estimates(
    ws: Workspace, name: str, *, ids: Ids, owners: Sequence[Source], said: Sequence[Run]
) -> FloatArray:
    """Return what runs say under a name, NaN where none has scored a cutout."""
    values = np.full(len(ids), np.nan)
    for source in owners:
        for run in said:
            estimates = estimates_of(ws, run=run, source=source, cutout_ids=ids)[name]
            values = np.where(np.isnan(values), estimates.to_numpy(np.float64), values)
    if len(ids) and np.isnan(values).all():
        raise InvalidInput(f"No candidate has a number in the column {name!r}. {BY_RUN}")
    return values


def kept_vetoes(ws: Workspace, run_name: str) -> list[dict[str, Any]]:
    """Return the vetoes kept with a run: `rule`, `by` and the figures that were measured."""
    path = ws.run_folder(runs.get_run(ws.database, run_name).name) / VETOES
    return list(read_json(path)["vetoes"]) if path.exists() else []


def measured_vetoes(ws: Workspace, run_name: str, *, threshold: float) -> dict[str, VetoFigures]:
    """Return what each veto kept with a run costs and saves at a threshold, by rule."""
    return {
        one["rule"]: veto_figures(ws, run_name, one["rule"], threshold=threshold, by=one["by"])
        for one in kept_vetoes(ws, run_name)
    }


@needs("work")
def keep_veto(
    ws: Workspace, run_name: str, rule: str, *, threshold: float, by: Sequence[str] = ()
) -> VetoFigures:
    """Measure a rule and keep it with the run, in place of an earlier one of the same words."""
    figures = veto_figures(ws, run_name, rule, threshold=threshold, by=by)
    others = [one for one in kept_vetoes(ws, run_name) if one["rule"] != rule]
    kept = {"rule": rule, "by": list(by), "part": PART, **figures.as_dict()}
    write_json(ws.run_folder(run_name) / VETOES, {"vetoes": [*others, kept]})
    note_change(ws.database, "kept a veto with", kind="run", name=run_name, detail=rule)
    return figures


@needs("work")
def remove_veto(ws: Workspace, run_name: str, rule: str) -> None:
    """Keep a rule no longer; InvalidInput where the run has none of these words."""
    kept = kept_vetoes(ws, run_name)
    left = [one for one in kept if one["rule"] != rule]
    if len(left) == len(kept):
        told = "; ".join(one["rule"] for one in kept) or "none"
        raise InvalidInput(f"{run_name} keeps no veto {rule!r}. It keeps: {told}.")
    write_json(ws.run_folder(run_name) / VETOES, {"vetoes": left})
    note_change(ws.database, "took a veto from", kind="run", name=run_name, detail=rule)


def vetoed(ws: Workspace, run: Run, *, ids: Ids, owners: Sequence[Source]) -> NDArray[np.bool_]:
    """Return which cutouts (n,) of some sources any veto kept with a run takes out."""
    out = np.zeros(len(ids), np.bool_)
    for one in kept_vetoes(ws, run.name):
        out |= vetoed_by(ws, run, one["rule"], ids=ids, owners=owners, by=one["by"])
    return out
