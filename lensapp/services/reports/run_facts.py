"""What there is to say of a run besides its figures: recipe, data, units, audits, and what it cannot do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lensapp.core.evaluate.metrics import FALSE_POSITIVE_RATES, resolves
from lensapp.core.plurals import thin_spaced
from lensapp.core.train.network_specs import NETWORKS
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.services.data.sources import unit_in_words, words_if_made
from lensapp.services.evaluate.calibrations import calibration_of
from lensapp.services.evaluate.committees import members_of
from lensapp.services.evaluate.evaluation import Evaluation, Measured, task_of
from lensapp.services.reports.checks import StoredChecks
from lensapp.services.reports.findings import Finding, findings_of, limits_of_checks
from lensapp.storage import datasets, runs, sources
from lensapp.storage.records import Dataset, Run, Source
from lensapp.storage.workspace import Workspace

FEW_LENSES = 100


@dataclass(frozen=True)
class RunFacts:
    """A run in words.

    Attributes
    ----------
    network
        Title of the network, or of whom a committee consists.
    predicts
        What its output means.
    takes
        What it takes as input: (property, value).
    training, recipe
        How it was trained: (property, value), and every setting of its specification.
    dataset, sources
        The dataset version and the sources of its cutouts.
    units
        Unit of flux of each source, in words.
    findings
        What is stored of checks, a line each.
    limits
        What the figures do not tell and the network cannot do, a sentence each.
    """

    run: Run
    network: str
    predicts: str
    takes: tuple[tuple[str, str], ...]
    training: tuple[tuple[str, str], ...]
    recipe: tuple[tuple[str, str], ...]
    dataset: Dataset
    sources: tuple[Source, ...]
    units: tuple[str, ...]
    findings: tuple[Finding, ...]
    limits: tuple[str, ...]


def run_facts(ws: Workspace, run: Run, evaluation: Measured, checks: StoredChecks) -> RunFacts:
    """Collect what is stored of an evaluated run and tell it in words, that of its checks among it."""
    members = members_of(ws, run)
    network = NETWORKS[run.model].title if run.model in NETWORKS else run.model.replace("_", " ")
    if members:
        network = f"committee of {', '.join(member.name for member in members)}"
    takes: tuple[tuple[str, str], ...] = ()
    if not run.spec.get("baseline"):  # members of a committee take the same
        takes = tuple(_input(runs.normalisation_of(ws, members[0].name if members else run.name)))
    task = task_of(ws, run)
    if task.kind == "regression":
        predicts = f"values with their uncertainties: {', '.join(task.targets)}"
    elif task.kind == "classes":
        names = ", ".join(task.classes)
        predicts = f"the probability of each class ({names}), and from them one score per cutout"
    else:
        predicts = "one score per cutout between 0 (non-lens) and 1 (lens)"
    dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
    used = tuple(sources.source_by_id(ws.database, key) for key in dataset.source_ids)
    findings = tuple(findings_of(ws, run, evaluation, used, checks))
    limits = (*_limits(ws, run, evaluation, used), *limits_of_checks(run, evaluation, checks, findings))
    return RunFacts(
        run=run,
        network=network,
        predicts=predicts,
        takes=takes,
        training=tuple(_training(run)),
        recipe=tuple(_flattened(run.spec)),
        dataset=dataset,
        sources=used,
        units=tuple(unit_in_words(ws, source) for source in used),
        findings=findings,
        limits=limits,
    )


def _input(fitted: FittedNormalisation) -> Iterator[tuple[str, str]]:
    yield "bands, in this order", ", ".join(fitted.bands)
    yield "size", f"{fitted.size[0]} × {fitted.size[1]} pixels"
    scale = fitted.pixel_scale_arcsec
    yield "pixel scale", "unknown" if scale is None else f"{scale:.4g} arcsec"
    units = {"flux": "flux per pixel", "surface_brightness": "flux per square arcsecond",
             "picture": "8-bit pictures, no flux"}  # fmt: skip
    unit = units.get(fitted.unit or "", "unknown")
    point = "" if fitted.zero_point_mag is None else f", AB zero point {fitted.zero_point_mag:.4g}"
    yield "unit of flux", f"{unit}{point}"
    yield "stretch", f"{fitted.kind}, statistics of the training part"


def _training(run: Run) -> Iterator[tuple[str, str]]:
    yield "begun", _date(run.created_at)
    if run.finished_at is not None:
        yield "finished", _date(run.finished_at)
    for name in ("device", "epochs", "best_epoch", "parameters"):
        value = run.summary.get(name)
        if value is not None:
            yield name.replace("_", " "), thin_spaced(value) if name == "parameters" else str(value)
    if (seconds := run.summary.get("seconds")) is not None:
        yield "time", f"{thin_spaced(round(seconds))} s"


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def _flattened(values: dict[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    """Yield every setting under its path of names; empty ones and the version of the format are left out."""
    for name, value in values.items():
        path = f"{within} › {name.replace('_', ' ')}" if within else name.replace("_", " ")
        if isinstance(value, dict):
            yield from _flattened(value, path)
        elif isinstance(value, list | tuple):
            if value:
                yield path, ", ".join(map(str, value))
        elif value is not None and path != "version":
            yield path, {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _limits(ws: Workspace, run: Run, evaluation: Measured, used: tuple[Source, ...]) -> Iterator[str]:
    if evaluation.outdated:
        yield "The network has changed since it was evaluated: these figures are of an earlier state."
    if evaluation.part != "test":
        yield f"Measured on the {evaluation.part} part, which training has seen or was chosen by."
    made = words_if_made((*sources.list_sources(ws.database), *used))
    if used and all(made[source.name] for source in used):
        yield (
            "All lenses that it was trained and measured on are simulated. Networks trained in this way "
            "have been seen to lose half of their completeness on real data: measure on confirmed lenses "
            "first."
        )
    if isinstance(evaluation, Evaluation):
        counts = evaluation.counts
        unresolved = [rate for rate in FALSE_POSITIVE_RATES if not resolves(counts, rate)]
        if unresolved:
            rates = ", ".join(f"{rate:g}" for rate in unresolved)
            yield (
                f"The part has {counts.n_negative} non-lenses: completeness at false positive rates of "
                f"{rates} cannot be told from it."
            )
        if counts.n_positive < FEW_LENSES:
            yield f"The part has {counts.n_positive} lenses only: read the limits, not the values."
        if evaluation.no_better_than_chance:
            yield evaluation.no_better_than_chance
        if evaluation.stored.group_ids is None:
            yield "The limits take every cutout for itself: several of one object make them too narrow."
        share = counts.n_positive / counts.n
        yield f"Purity here is that of a part with {100 * share:.3g} % lenses; a survey has far fewer."
        if calibration_of(ws, run) is None:
            yield "The scores are not calibrated: they order candidates and are no probabilities."
    if not run.spec.get("baseline"):
        yield "Other bands, another order of them, another size, pixel scale or unit of flux are refused."
