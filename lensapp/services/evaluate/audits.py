"""The audit of a run: shortcuts, leaks, label noise, and how its dataset and other sources compare."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.config import read_json, write_json
from lensapp.core.errors import BandMismatch, InvalidInput, JobCancelled, NotFound
from lensapp.core.evaluate.audits.audit_spec import AuditSpec
from lensapp.core.evaluate.audits.realism_spec import RealismSpec
from lensapp.core.evaluate.audits.shortcuts import (
    TITLES,
    Kind,
    Measures,
    column_measures,
    find_shortcuts,
    noise_of,
    pixel_measures,
    position_measures,
)
from lensapp.core.evaluate.intervals import Interval
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.train.normalisation import about_middle
from lensapp.job_kinds import AuditPayload
from lensapp.services.data.sources import label_counts, words_if_made
from lensapp.services.evaluate.evaluation import Evaluation, load_evaluation, task_of
from lensapp.services.evaluate.label_noise import label_suspects, votes_on_members
from lensapp.services.evaluate.realism import audit_realism, labels_worth_comparing, tells_nothing
from lensapp.services.evaluate.subgroups import columns_of
from lensapp.services.split.leakage import dataset_leaks
from lensapp.services.train.run_networks import network_has_changed
from lensapp.services.train.runs import has_network
from lensapp.storage import datasets, runs, sources
from lensapp.storage.cutouts import open_in_unit
from lensapp.storage.features import has_features
from lensapp.storage.files import AUDIT, NORMALISATION, network_checksum
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset, Job, Run
from lensapp.storage.workspace import Workspace

KIND = "audit"
VERSION = 2
CHUNK = 512
PAINTED = "painted"  # whether arcs were painted: the label in a source of that kind
BOOKKEEPING = frozenset({"place_in_file", "object_class", "source"})  # of the import, or the truth itself


@dataclass(frozen=True, eq=False)
class KeptAudit:
    """What an audit found, and whether network or dataset have changed since, or votes were cast."""

    found: dict[str, Any]
    outdated: bool
    new_votes: int


@needs("work")
def start_audit(ws: Workspace, *, run_name: str, spec: AuditSpec | None = None) -> Job:
    """Queue the audit of a run; one that waits or runs already is returned.

    Raises
    ------
    NotFound
        When the run, or the source that `spec` names, does not exist.
    InvalidInput
        When the run has neither a network nor an evaluation.
    """
    run = runs.get_run(ws.database, run_name)
    spec = spec or AuditSpec()
    if spec.source is not None:
        sources.get_source(ws.database, spec.source)
    if not has_network(ws, run) and run.evaluation is None:
        raise InvalidInput(f"{run.name} has no network yet. Train it, then audit it.")
    payload: AuditPayload = {"run": run.name, "spec": spec.saved()}
    return jobs.enqueue(ws.database, kind=KIND, title=f"Audit {run.name}", payload=payload, once=True)


def unmeasured_parts(ws: Workspace, run_name: str) -> list[str]:
    """Return the parts on which a run has yet to be measured before it can be audited."""
    run = runs.get_run(ws.database, run_name)
    dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
    if not has_network(ws, run) or not task_of(ws, run).scores_candidates:
        return []
    parts = []
    for part in ("validation", "test"):
        counts = dataset.counts.get(part, {})
        try:
            done = not load_evaluation(ws, run.name, part=part).outdated
        except NotFound:
            done = False
        if not done and counts.get("lens") and counts.get("nonlens"):
            parts.append(part)
    return parts


def audit(
    ws: Workspace,
    *,
    run_name: str,
    spec: AuditSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Look for shortcuts, leaks and wrong labels in the dataset of a run, and tell simulated from real.

    Returns
    -------
    dict
        `run`, `dataset`, `network` (its AUROC on the test part), `shortcuts`, `leakage`, `label_noise` and
        `realism`. A part of the audit that cannot be made has `reason` instead of what it would find.

    Raises
    ------
    NotFound
        When the run does not exist.
    JobCancelled
        When `should_stop` answered.
    """
    run = runs.get_run(ws.database, run_name)
    dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
    area: Interval | None = None
    with suppress(NotFound):  # not evaluated yet
        evaluation = load_evaluation(ws, run.name)
        area = evaluation.intervals["auroc"] if isinstance(evaluation, Evaluation) else None

    def step(fraction: float, message: str) -> None:
        if should_stop() is not None:
            raise JobCancelled("The audit was stopped. Start it again to begin anew.")
        report({"fraction": fraction, "message": message, "seconds_left": None})

    found: dict[str, Any] = {
        "run": run.name,
        "dataset": dataset.name,
        "network": None if area is None else {"auroc": area.value, "low": area.low, "high": area.high},
    }
    step(0.0, "measuring cutouts")
    try:
        found["shortcuts"] = _shortcuts(ws, run, dataset, spec, network=found["network"], step=step)
    except InvalidInput as error:
        found["shortcuts"] = {"reason": str(error)}
    step(0.6, "looking for leaks between the parts")
    try:
        found["leakage"] = dataset_leaks(
            ws,
            dataset,
            group_radius_arcsec=spec.group_radius_arcsec,
            near_duplicate_bits=spec.near_duplicate_bits,
        )
    except InvalidInput as error:  # too many pairs within that radius or tolerance
        found["leakage"] = {"reason": str(error)}
    step(0.7, "looking for wrong labels")
    try:
        found["label_noise"] = label_suspects(ws, run)
    except InvalidInput as error:
        found["label_noise"] = {"reason": str(error)}
    step(0.8, "telling simulated from real cutouts")
    found["realism"] = _realism(ws, run, dataset, spec)
    return found | {"spec": spec.saved()}


def _shortcuts(
    ws: Workspace,
    run: Run,
    dataset: Dataset,
    spec: AuditSpec,
    *,
    network: Mapping[str, Any] | None,
    step: Callable[[float, str], None],
) -> dict[str, Any]:
    """Measure a sample of the dataset and return what logistic regressions reach on each kind of measures."""
    members = datasets.member_columns(ws.database, dataset.id, extra=("ra_deg", "dec_deg"))
    rng = np.random.default_rng(spec.seed)
    chosen = np.sort(rng.permutation(len(members["cutout_id"]))[: spec.sample])
    members = {name: column[chosen] for name, column in members.items()}
    order = np.argsort(members["source_id"], kind="stable")
    members = {name: column[order] for name, column in members.items()}
    labels = members["label"] == "lens"
    if labels.all() or not labels.any():
        raise InvalidInput(f"{dataset.name} has one class only: there is nothing that could tell it.")
    measured = _of_pixels(ws, run, dataset, members)
    cutouts = sources.get_cutouts(ws.database, members["cutout_id"].tolist())
    used = [sources.source_by_id(ws.database, key) for key in dataset.source_ids]
    label = {source.spec.get("label_column") for source in used}
    label |= {PAINTED} if any(source.kind == sources.PAINTED for source in used) else set()
    header = columns_of(ws, cutouts)
    labels_themselves = [name for name in header if name in label]
    told = {name: column for name, column in header.items() if name not in BOOKKEEPING | label}
    columns, left_out = column_measures(told, labels)
    for kind, more in columns.items():
        own = measured.get(kind, Measures(np.empty((len(labels), 0))))
        measured[kind] = Measures(np.hstack([own.values, more.values]), own.names + more.names)
    position = position_measures(members["ra_deg"], members["dec_deg"])
    if position is not None:
        measured["position"] = position
    shortcuts = find_shortcuts(
        measured,
        labels,
        groups=members["group_id"],
        folds=spec.folds,
        seed=spec.seed,
        before=lambda kind: step(0.3, f"shortcuts: {TITLES[kind]}"),
    )
    simulated = all(source.kind == sources.SIMULATED for source in used)
    return {
        "cutouts": {"lens": int(labels.sum()), "nonlens": int((~labels).sum())},
        "found": [one.as_dict(network=network, simulated=simulated) for one in shortcuts],
        "columns_left_out": left_out,
        "label_columns": labels_themselves,
        "simulated": simulated,
    }


def _of_pixels(ws: Workspace, run: Run, dataset: Dataset, members: Columns) -> dict[Kind, Measures]:
    """Measure the pixels of members, ordered by source, as the network reads them."""
    first = sources.source_by_id(ws.database, dataset.source_ids[0])
    fitted = None
    if (ws.run_folder(run.name) / NORMALISATION).exists():
        fitted = runs.normalisation_of(ws, run.name)
    parts: list[dict[Kind, Measures]] = []
    scale: NDArray[np.float32] | None = None
    for source_id in np.unique(members["source_id"]):
        source = sources.source_by_id(ws.database, int(source_id))
        factor = None if fitted is None else fitted.reading_factor(source.pixel_scale_arcsec)
        packed = open_in_unit(ws.cutouts_folder(source.name), factor, dataset.bands)
        rows = members["row"][members["source_id"] == source_id]
        for start in range(0, len(rows), CHUNK):
            pixels = about_middle(packed.read(rows[start : start + CHUNK]), (first.height, first.width))
            scale = noise_of(pixels) if scale is None else scale
            parts.append(
                pixel_measures(
                    pixels, bands=dataset.bands, pixel_scale_arcsec=source.pixel_scale_arcsec, scale=scale
                )
            )
    return {
        kind: Measures(np.concatenate([part[kind].values for part in parts]), measures.names)
        for kind, measures in parts[0].items()
    }


def _realism(ws: Workspace, run: Run, dataset: Dataset, spec: AuditSpec) -> list[dict[str, Any]]:
    """Tell each simulated source of the dataset from its real ones, or from the one that `spec` names."""
    own = [sources.source_by_id(ws.database, key) for key in dataset.source_ids]
    other = [] if spec.source is None else [sources.get_source(ws.database, spec.source)]
    named = {source.name: source for source in (*sources.list_sources(ws.database), *own, *other)}
    words = words_if_made(named.values())
    real = {source.name: source for source in (*own, *other) if not words[source.name]}
    simulated = [source for source in own if words[source.name]]
    labels = {source.name: label_counts(ws, source) for source in (*own, *other)}
    outcomes = []
    for second, first in product(simulated, real.values()):
        pair = first.name, second.name
        if tells_nothing(first, second, named, labels):
            reason = (
                f"{second.name} shows the galaxies of {first.name}: only a source of confirmed lenses "
                "tells whether its lenses look real."
            )
            outcomes.append({"real": pair[0], "simulated": pair[1], "reason": reason})
            continue
        featured = all(has_features(ws, run.name, name) for name in pair)
        rules = RealismSpec(
            label=labels_worth_comparing(ws, *pair),
            run=run.name if featured else None,
            seed=spec.seed,
            sample=min(spec.sample, 2000),
        )
        try:
            outcomes.append(audit_realism(ws, real=pair[0], simulated=pair[1], spec=rules))
        except (InvalidInput, BandMismatch) as error:
            outcomes.append({"real": pair[0], "simulated": pair[1], "reason": str(error)})
    return outcomes


def keep_audit(ws: Workspace, run_name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Keep what an audit found beside its run, and return it."""
    run = runs.get_run(ws.database, run_name)
    dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
    kept = found | {"version": VERSION, "audited_at": time.time(), "checksum": dataset.checksum}
    if has_network(ws, run):
        kept["network_sha256"] = network_checksum(ws.run_folder(run.name))
    write_json(ws.run_folder(run.name) / AUDIT, kept)
    return found


def kept_audit(ws: Workspace, run: Run) -> KeptAudit | None:
    """Return the audit that was kept with a run, None where there is none."""
    path = ws.run_folder(run.name) / AUDIT
    if not path.exists():
        return None
    found = read_json(path)
    dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
    outdated = found["checksum"] != dataset.checksum or network_has_changed(
        ws, run, since=found["audited_at"], checksum=found.get("network_sha256")
    )
    told = "votes" in found["label_noise"]
    return KeptAudit(found, outdated, votes_on_members(ws, run, since=found["audited_at"]) if told else 0)
