"""Audit the realism of simulated cutouts: whether they are told from real ones, and by what."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.align import rows_of
from lensapp.core.errors import BandMismatch, InvalidInput, JobCancelled
from lensapp.core.evaluate.audits.realism import (
    FEWEST,
    Probe,
    Table,
    aperture_photometry,
    chance_scatter,
    probe,
)
from lensapp.core.evaluate.audits.realism_spec import RealismSpec
from lensapp.core.evaluate.metrics import COIN
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.sampling import evenly_spread
from lensapp.job_kinds import RealismPayload
from lensapp.services.data.pictures import read_pictures
from lensapp.services.data.source_tables import column_of
from lensapp.services.data.sources import found_in, label_counts, show_the_same
from lensapp.storage import datasets, sources
from lensapp.storage.cutouts import open_cutouts, source_unit
from lensapp.storage.features import load_features
from lensapp.storage.queries import Columns
from lensapp.storage.records import Job, Source
from lensapp.storage.workspace import Workspace

KIND = "realism"
USUAL_PIXEL_SCALE_ARCSEC = 0.25  # where neither source tells
TELLS = 0.75  # AUROC from which the difference is worth mending before anything is trained


@needs("work")
def start_audit(ws: Workspace, *, real: str, simulated: str, spec: RealismSpec) -> Job:
    """Queue the audit of the source `simulated` against the source `real`.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        When a source does not exist, is not complete, or the two have no pixels to compare.
    """
    _comparable(ws, real, simulated)
    payload: RealismPayload = {"real": real, "simulated": simulated, "spec": spec.saved()}
    title = f"Realism of {simulated} beside {real}"
    return jobs.enqueue(ws.database, kind=KIND, title=title, payload=payload, once=True)


def audit_realism(
    workspace: Workspace,
    *,
    real: str,
    simulated: str,
    spec: RealismSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Train probes that tell the cutouts of two sources apart, and return how well they do and by what.

    Boosted trees see aperture photometry in calibrated flux, where both sources have it, of the part of the
    sky that cutouts of both show; a logistic regression sees the features of a run.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        As `start_audit`; also when features have not been computed, or too few cutouts are left.
    JobCancelled
        When `should_stop` answered.
    """
    pair = _comparable(workspace, real, simulated)
    rng = np.random.default_rng(spec.seed)
    chosen = [_chosen(workspace, source, spec, rng) for source in pair]
    truth = np.repeat([False, True], [len(columns["id"]) for columns in chosen])
    groups = np.array(  # the field or the host that a cutout was made from, else itself
        [
            parent or own
            for columns in chosen
            for parent, own in zip(columns["parent"], columns["candidate_id"], strict=True)
        ],
        object,
    )

    def judged(table: Table, kind: Any, fraction: float) -> Probe:
        if should_stop() is not None:
            raise JobCancelled("The audit was stopped. Start it again to begin anew.")
        report({"fraction": fraction, "message": f"Cross-validating the probe: {kind}", "seconds_left": None})
        return probe(table, truth, groups=groups, kind=kind, folds=spec.folds, rng=rng)

    table, in_one_unit = _photometry(workspace, pair, chosen)
    trees = judged(table, "trees", 0.1)
    linear = None
    if spec.run is not None:
        parts = []
        for source, columns in zip(pair, chosen, strict=True):
            ids, values = load_features(workspace, spec.run, source.name)
            parts.append(values[rows_of(columns["id"], ids)])
        features = np.concatenate(parts).astype(np.float64)
        names = tuple(f"feature {number + 1}" for number in range(features.shape[1]))
        linear = judged(Table(features, names, names), "linear", 0.6)
    outcome = {
        "real": real,
        "simulated": simulated,
        "cutouts": {real: int((~truth).sum()), simulated: int(truth.sum())},
        "calibrated": in_one_unit,
        "photometry": trees.as_dict(),
        "features": None if linear is None else {"run": spec.run} | linear.as_dict(),
    }
    return outcome | {"verdict": verdict(outcome)}


def realism_outcomes(ws: Workspace) -> list[dict[str, Any]]:
    """Return what audits of realism found, alone or with a run: the newest of each pair and probe."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for job in jobs.recent(ws.database, limit=jobs.JOBS_SEARCHED):
        if job.state != "done" or not job.result:
            continue
        outcomes = [job.result] if job.kind == KIND else job.result["realism"] if job.kind == "audit" else []
        for one in outcomes:
            if "reason" not in one:
                probed = (one["features"] or {}).get("run", "")
                found.setdefault((one["real"], one["simulated"], probed), one | {"verdict": verdict(one)})
    return list(found.values())


def realism_of_dataset(ws: Workspace, dataset_id: int) -> list[dict[str, Any]]:
    """Return what audits of realism found of the sources of a dataset version, wherever asked for."""
    keys = datasets.dataset_by_id(ws.database, dataset_id).source_ids
    names = {sources.source_by_id(ws.database, key).name for key in keys}
    return [one for one in realism_outcomes(ws) if one["simulated"] in names]


def areas_in_words(outcome: dict[str, Any]) -> str:
    """Return the AUROC of each probe of an audit of realism, with limits."""
    probes = {"photometry": outcome["photometry"]}
    if outcome["features"]:
        probes[f"features of {outcome['features']['run']}"] = outcome["features"]
    return " and ".join(
        f"{one['auroc']:.3f} ({one['low']:.3f} to {one['high']:.3f}) by {name}"
        for name, one in probes.items()
    )


def verdict(outcome: Mapping[str, Any]) -> str:
    """Return in words what the probes of an audit found, by the names of its sources."""
    trees, linear = outcome["photometry"], outcome["features"]
    real, simulated = outcome["real"], outcome["simulated"]
    probes = [trees] if linear is None else [trees, linear]
    if all(one["low"] <= COIN for one in probes):
        return f"The probes cannot tell the cutouts of {simulated} from those of {real}."
    by = _told_by(outcome)
    if max(one["auroc"] for one in probes) >= TELLS:
        return (
            f"The cutouts of {simulated} are told from those of {real} easily{by}. Networks may learn that "
            "instead of lenses."
        )
    return f"The cutouts of {simulated} can be told from those of {real} to some degree{by}."


def standing_out(outcome: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the quantities that tell the sources of an audit alone: by an AUROC above that of chance."""
    least = COIN + chance_scatter(*outcome["cutouts"].values())
    return [one for one in outcome["photometry"]["giveaways"] if one["alone"] > least]


def _told_by(outcome: Mapping[str, Any]) -> str:
    """Return by which quantities trees tell two sources, empty where they do not."""
    trees, beyond = outcome["photometry"], standing_out(outcome)
    if trees["low"] <= COIN or not trees["giveaways"]:
        return ""
    if not beyond:
        return ", by several quantities together: none of them alone stands out of chance"
    telling = [one["theme"] for one in beyond if one["drop"] >= 0.01 or one["alone"] >= 0.6]
    return f", mostly by {', '.join(telling)}" if telling else ""


def tells_nothing(
    one: Source, other: Source, named: Mapping[str, Source], labels: Mapping[str, Mapping[str, int]]
) -> bool:
    """Whether comparing two sources tells nothing, as both show the same galaxies.

    Lenses painted on galaxies of a source that has enough real ones are told from these, lens beside lens.

    Parameters
    ----------
    named
        All sources by their names.
    labels
        Source → the number of its cutouts with each label.
    """
    if not show_the_same(one, other, named):
        return False
    painted = [found_in(source, named).kind == sources.PAINTED for source in (one, other)]
    lenses = min(labels[source.name].get("lens", 0) for source in (one, other))
    return painted[0] == painted[1] or lenses < FEWEST


def by_what_they_tell(
    shown: Source,
    others: Sequence[Source],
    kinds: Mapping[str, str],
    labels: Mapping[str, Mapping[str, int]],
) -> list[str]:
    """Return the names of sources to compare with one, first those whose comparison tells most.

    A real source tells most beside one that is not, one with lenses beside painted ones; of two alike one of
    another class. Those that show the same galaxies, as `tells_nothing` has it, come after them, and two of
    which neither is real last.

    Parameters
    ----------
    kinds
        Source → what it is where it is not real, as `words_if_made` gives.
    labels
        Source → the number of its cutouts with each label.
    """
    named = {one.name: one for one in (*others, shown)}
    classes = {name: next(iter(counts)) if len(counts) == 1 else None for name, counts in labels.items()}

    def order(name: str) -> tuple[bool, ...]:
        alike = None in (classes[name], classes[shown.name]) or classes[name] == classes[shown.name]
        made = bool(kinds[name]), bool(kinds[shown.name])
        real = name if made[1] else shown.name
        without = made[0] != made[1] and labels[real].get("lens", 0) < FEWEST
        same = tells_nothing(named[name], shown, named, labels)
        return all(made), same, made[0] == made[1], without, alike

    return sorted((name for name in kinds if name in named and name != shown.name), key=order)


def labels_worth_comparing(ws: Workspace, real: str, simulated: str) -> str:
    """Return which cutouts of two sources tell most: lenses where both have enough, else all."""
    pair = [sources.get_source(ws.database, name) for name in (real, simulated)]
    enough = all(label_counts(ws, source).get("lens", 0) >= FEWEST for source in pair)
    return "lens" if enough else "all"


def reason_against(ws: Workspace, one: Source, other: Source) -> str | None:
    """Return why another source cannot be compared with one, None where it can."""
    if not set(one.bands) & set(other.bands):
        return f"bands {', '.join(other.bands)}, none in common"
    are_pictures = [source_unit(ws, source).kind == "picture" for source in (one, other)]
    if are_pictures[0] != are_pictures[1]:
        return "8-bit pictures, no flux" if are_pictures[1] else "flux, no 8-bit pictures"
    return None


def _comparable(ws: Workspace, real: str, simulated: str) -> tuple[Source, Source]:
    pair = sources.get_source(ws.database, real), sources.get_source(ws.database, simulated)
    for source in pair:
        sources.require_ready(source)
    if real == simulated:
        raise InvalidInput("A source cannot be compared with itself. Name two sources.")
    if not set(pair[0].bands) & set(pair[1].bands):
        raise BandMismatch(
            f"{real} has the bands {', '.join(pair[0].bands)}, {simulated} {', '.join(pair[1].bands)}: none "
            "in common. Compare sources of the same survey."
        )
    if reason := reason_against(ws, *pair):
        raise InvalidInput(
            f"{simulated} holds {reason}, unlike {real}: anything tells these apart. Compare images of flux "
            "with images of flux, and pictures with pictures."
        )
    return pair


def pictures_beside(ws: Workspace, real: str, simulated: str, *, count: int) -> list[NDArray[np.uint8]]:
    """Return pictures of some cutouts of two sources, evenly spread, of the part of the sky that both show.

    Each is of shape (n, row, column, 3), with n `count` or fewer, and by the levels of its source.
    """
    pair = sources.get_source(ws.database, real), sources.get_source(ws.database, simulated)
    shown = []
    for source, (rows, places) in zip(pair, _same_sky(pair), strict=True):
        ids = column_of(ws, source, "id")
        some = evenly_spread(len(ids), count)
        _, pictures = read_pictures(ws, source, ids[some].tolist())
        shown.append(pictures[:, rows, places])
    return shown


def _same_sky(pair: tuple[Source, Source]) -> list[tuple[slice, slice]]:
    """Return the rows and columns of the middle of each source's cutouts that spans the same angle."""
    scales = [source.pixel_scale_arcsec or USUAL_PIXEL_SCALE_ARCSEC for source in pair]
    angle = min(min(source.height, source.width) * scale for source, scale in zip(pair, scales, strict=True))
    middles = []
    for source, scale in zip(pair, scales, strict=True):
        margins = [round((length - angle / scale) / 2) for length in (source.height, source.width)]
        rows, places = (slice(m, n - m) for m, n in zip(margins, (source.height, source.width), strict=True))
        middles.append((rows, places))
    return middles


def _chosen(ws: Workspace, source: Source, spec: RealismSpec, rng: np.random.Generator) -> Columns:
    """Return the cutouts of a source that are compared, in the order of their rows."""
    wanted = ("id", "row", "label", "candidate_id", "parent")
    columns = sources.cutout_columns(ws.database, [source.id], columns=wanted)
    labelled = np.array([label is not None for label in columns["label"]], np.bool_)
    kept = np.arange(len(labelled))
    if spec.label != "all" and labelled.any():
        kept = np.flatnonzero(columns["label"] == spec.label)
    if len(kept) > spec.sample:
        kept = np.sort(rng.choice(kept, spec.sample, replace=False))
    return {name: column[kept] for name, column in columns.items()}


def _photometry(ws: Workspace, pair: tuple[Source, Source], chosen: list[Columns]) -> tuple[Table, bool]:
    """Measure the cutouts of both sources within the same angle; return whether in one unit of flux."""
    packed = [open_cutouts(ws, source.name, calibrated=True) for source in pair]
    in_one_unit = all(
        one.flux_scales is not None and bool(np.isfinite(one.flux_scales[columns["row"]]).all())
        for one, columns in zip(packed, chosen, strict=True)
    )
    if not in_one_unit:
        packed = [open_cutouts(ws, source.name) for source in pair]
    scales = [source.pixel_scale_arcsec or USUAL_PIXEL_SCALE_ARCSEC for source in pair]
    bands = [band for band in pair[0].bands if band in pair[1].bands]
    tables = []
    middles = _same_sky(pair)
    for source, opened, scale, (rows, places), columns in zip(
        pair, packed, scales, middles, chosen, strict=True
    ):
        pixels = opened.read(columns["row"])[:, rows, places]
        order = [source.bands.index(band) for band in bands]
        tables.append(
            aperture_photometry(
                pixels[..., order], bands=bands, pixel_scale_arcsec=scale, in_one_unit=in_one_unit
            )
        )
    values = np.concatenate([table.values for table in tables])
    return Table(values, tables[0].names, tables[0].themes), in_one_unit
