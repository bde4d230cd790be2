"""Check a source against what a run was trained on, before and beside its scores."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lensapp.core.acting import needs
from lensapp.core.align import ABSENT, rows_of
from lensapp.core.config import read_json, write_json
from lensapp.core.errors import BandMismatch, InvalidInput, LensAppError
from lensapp.core.score.feature_distance import feature_distance
from lensapp.core.score.part_summary import PartSummary, compact_of, errors_of, measure, quantiles_of
from lensapp.core.score.source_check import (
    SAMPLE_CUTOUTS,
    OddCutout,
    SourceCheck,
    check_of,
    compare,
    oddness,
    or_as_measured,
)
from lensapp.core.split.folds import Fold, fold_of
from lensapp.core.train.normalisation import FittedNormalisation, NetworkUnit, about_middle, reading_factor
from lensapp.services.train.runs import require_network
from lensapp.services.train.starter import FOLDER as STARTER_FOLDER
from lensapp.services.train.starter import is_starter
from lensapp.storage import datasets, runs, sources
from lensapp.storage.care.trail import note_change
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.cutouts import open_in_unit
from lensapp.storage.features import has_features, load_features
from lensapp.storage.files import (
    MEASURED_PARTS,
    SCORE_WARNINGS,
    SOURCE_CHECKS,
    TRAINING_PART,
    network_file,
)
from lensapp.storage.records import Dataset, Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

LEAST_ALIKE = 12
PARTS_HELD_OUT = ("validation", "test")
SAMPLE_FEATURES, MOST_FEATURES = 2048, 128  # cutouts of either side, and numbers of each, that are compared
LEAST_HELD_OUT = 100  # cutouts, or else those that the network learned from are compared
LEAST_WITH_FEATURES = 0.9  # of these, for them to stand for the dataset


def check_source(ws: Workspace, *, run_name: str, source_name: str) -> SourceCheck:
    """Compare a source with the training part of a run on at most 512 cutouts of each, and keep the outcome.

    Raises
    ------
    NotFound
        When the run or the source does not exist.
    InvalidInput
        When the run has no network, or the source is still being imported.
    BandMismatch
        When bands or size differ, so that nothing can be compared.
    """
    run, source = runs.get_run(ws.database, run_name), sources.get_source(ws.database, source_name)
    require_network(ws, run)
    sources.require_ready(source)
    check = compared(ws, run, source)
    path = ws.run_folder(run.name) / SOURCE_CHECKS
    kept = read_json(path) if path.exists() else {}
    if kept.get(source.name) != check.as_dict():
        write_json(path, kept | {source.name: check.as_dict()})
    return check


@needs("work")
def check_again(ws: Workspace, *, run_name: str, source_name: str) -> SourceCheck:
    """Check a source anew and keep the outcome in place of that of its scoring; raises as `check_source`."""
    _compared.cache_clear()  # the source may have features since
    check = check_source(ws, run_name=run_name, source_name=source_name)
    note_change(ws.database, "checked again", kind="source", name=source_name, detail=f"for {run_name}")
    return check


def keep_as_measured(
    ws: Workspace, *, run_name: str, source_names: Sequence[str], called: str
) -> dict[str, Any]:
    """Remember what sources look like on which a run was measured; later checks compare with them too.

    Parameters
    ----------
    called
        What they show, as it is told a reader: "real Pan-STARRS1 lenses".

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        When a run or a source does not exist or cannot be compared, or nothing is named.
    """
    run = runs.get_run(ws.database, run_name)
    require_network(ws, run)
    fitted = runs.normalisation_of(ws, run.name)
    reading, parts = _reading_of(fitted), []
    for name in source_names:
        source = sources.get_source(ws.database, name)
        size, scale = (source.height, source.width), source.pixel_scale_arcsec
        fitted.check(bands=source.bands, size=size, pixel_scale_arcsec=scale, crop=True, picked=True)
        rows = cutout_columns(ws, [source.id], columns=("row",))["row"]
        chosen = _sample(rows)
        parts.append(_summary(_measured(ws, source, chosen, reading), source, reading, count=len(chosen)))
    if not parts or not called.strip():
        raise InvalidInput("Name at least one source, and what they show.")
    path = _measured_file(ws, run)
    kept = read_json(path) if path.exists() else {}
    kept[called.strip()] = [part.saved() for part in parts]
    write_json(ws.run_folder(run.name) / MEASURED_PARTS, kept)
    return {"run": run.name, "measured_on": called.strip(), "cutouts": sum(part.cutouts for part in parts)}


def _measured_file(ws: Workspace, run: Run) -> Path:
    """Return where a run keeps what it was measured on; an older starter network has it as shipped."""
    path = ws.run_folder(run.name) / MEASURED_PARTS
    return STARTER_FOLDER / MEASURED_PARTS if is_starter(run) and not path.exists() else path


def checks_of_audit(ws: Workspace, *, run_name: str, source_name: str | None) -> list[dict[str, Any]]:
    """Compare a source, or those of which a run scored cutouts outside its dataset, with its training part.

    Returns
    -------
    list of dict
        `source` and the values of `SourceCheck`; a source that cannot be compared has `reason` instead.

    Raises
    ------
    NotFound
        When there is no source called `source_name`.
    """
    run = runs.get_run(ws.database, run_name)
    if source_name is None:
        members = datasets.member_columns(ws.database, run.dataset_id)["cutout_id"]
        chosen = [
            sources.source_by_id(ws.database, key)
            for key in stored_scores.scored_sources(ws, run.id)
            if _has_scored_outside(ws, run, key, members)
        ]
    else:
        chosen = [sources.get_source(ws.database, source_name)]
    outcomes: list[dict[str, Any]] = []
    for source in chosen:
        try:
            check = check_source(ws, run_name=run_name, source_name=source.name)
        except (BandMismatch, InvalidInput) as error:
            outcomes.append({"source": source.name, "reason": str(error)})
        else:
            outcomes.append({"source": source.name} | check.as_dict())
    return outcomes


def _has_scored_outside(ws: Workspace, run: Run, source_id: int, members: NDArray[np.int64]) -> bool:
    """Return whether a run has scored cutouts of a source that are no members of its dataset.

    The scores are read only where there are no more of them than members.
    """
    if stored_scores.count_of(ws, run.id, source_id) > len(members):
        return True
    return not np.isin(stored_scores.scores_of(ws, run.id, source_id)[0], members).all()


def compared(ws: Workspace, run: Run, source: Source) -> SourceCheck:
    """Compare a source with the training part of a run; nothing is stored."""
    folder = ws.run_folder(run.name)
    files = [network_file(folder), folder / TRAINING_PART, folder / MEASURED_PARTS]
    changed = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)
    return _compared(ws, run.id, source.id, source.created_at, changed)


@lru_cache(maxsize=32)
def _compared(
    ws: Workspace, run_id: int, source_id: int, _created_at: float, _changed: tuple[int, ...]
) -> SourceCheck:
    run, source = runs.run_by_id(ws.database, run_id), sources.source_by_id(ws.database, source_id)
    fitted = runs.normalisation_of(ws, run.name)
    size = (source.height, source.width)
    fitted.check(bands=source.bands, size=size, pixel_scale_arcsec=None, crop=True, picked=True)
    columns = cutout_columns(ws, [source.id], columns=("id", "row", "candidate_id"))
    chosen = _sample(columns["row"])
    reading = _reading_of(fitted)
    measured = _measured(ws, source, chosen, reading)
    summary = _summary(measured, source, reading, count=len(chosen))
    training = _training_part(ws, run)
    check = compare(training, summary, of_features=_distance_of_features(ws, run, source))
    distance, quantity = oddness(training, measured)
    rows = rows_of(chosen, columns["row"])
    odd = tuple(
        OddCutout(
            int(columns["id"][rows[place]]), str(columns["candidate_id"][rows[place]]),
            float(distance[place]), quantity[place],
        )
        for place in np.argsort(-distance, kind="stable")[:LEAST_ALIKE].tolist()
    )  # fmt: skip
    path = _measured_file(ws, run)
    parts = read_json(path) if check.light == "red" and path.exists() else {}
    known = {name: [PartSummary.parse(one) for one in parts[name]] for name in parts}
    return replace(or_as_measured(check, summary, known), least_alike=odd)


def kept_check(ws: Workspace, run: Run, source: Source) -> SourceCheck | None:
    """Return the check that was kept with the scores of a source, None where there is none."""
    path = ws.run_folder(run.name) / SOURCE_CHECKS
    kept = read_json(path).get(source.name) if path.exists() else None
    return None if kept is None else check_of(kept)


def caveats(ws: Workspace, run: Run, source: Source) -> list[str]:
    """Return what a reader of the scores of a source has to know: its check, and what was unknown."""
    check = kept_check(ws, run, source)
    path = ws.run_folder(run.name) / SCORE_WARNINGS
    unknown: list[str] = read_json(path).get(source.name, []) if path.exists() else []
    return [*([f"check {check.light}: {check.words}"] if check else []), *unknown]


class _Reading(NamedTuple):
    """What of a network says how cutouts are measured; networks of one reading measure them alike."""

    bands: tuple[str, ...]
    size: tuple[int, int]
    unit: NetworkUnit | None
    zero_point_mag: float | None


def _reading_of(fitted: FittedNormalisation) -> _Reading:
    return _Reading(fitted.bands, fitted.size, fitted.unit, fitted.zero_point_mag)


def _training_part(ws: Workspace, run: Run) -> PartSummary:
    """Measure the training part of a run: the same cutouts for each run of a dataset, so that all agree.

    What a run kept stands where its dataset has no cutouts here, as that of a starter network.
    """
    kept, fitted = ws.run_folder(run.name) / TRAINING_PART, runs.normalisation_of(ws, run.name)
    try:
        dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
        measured = _measured_training_part(
            ws, dataset.id, dataset.checksum, fold_of(run.spec), _reading_of(fitted)
        )
    except (LensAppError, OSError):
        measured = None
    if measured is None and kept.exists():
        return PartSummary.parse(read_json(kept))
    if measured is None:
        raise InvalidInput(f"The training part of {run.name} is empty. Choose another run.")
    return measured


@lru_cache(maxsize=16)  # a dataset never changes, and its runs share what was measured
def _measured_training_part(
    ws: Workspace, dataset_id: int, _checksum: str, fold: Fold | None, reading: _Reading
) -> PartSummary | None:
    """Measure a sample of a training part as a network reads it; None of an empty one."""
    members = datasets.part_members(ws.database, dataset_id, "train", fold=fold)
    owners = [sources.source_by_id(ws.database, int(key)) for key in np.unique(members["source_id"])]
    if not owners:
        return None
    chosen = _sample(np.arange(len(members["row"])))
    pixels = [
        _read(ws, owner, members["row"][chosen[members["source_id"][chosen] == owner.id]], reading)
        for owner in owners
    ]
    first = owners[0]  # sources that train together agree in bands, size and unit
    measured = _measured_pixels(np.concatenate(pixels), first, reading)
    return _summary(measured, first, reading, count=len(chosen))


def _sample(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(0).permutation(rows)[:SAMPLE_CUTOUTS])


def _measured(
    ws: Workspace, source: Source, rows: NDArray[np.int64], reading: _Reading
) -> dict[str, NDArray[np.float64]]:
    """Measure cutouts of a source, by their rows, as a network reads them; each quantity of shape (n,)."""
    return _measured_pixels(_read(ws, source, rows, reading), source, reading)


def _read(ws: Workspace, source: Source, rows: NDArray[np.int64], reading: _Reading) -> NDArray[np.float32]:
    factor = reading_factor(reading.unit, source.pixel_scale_arcsec)
    pixels = open_in_unit(ws.cutouts_folder(source.name), factor, reading.bands).read(rows)
    return about_middle(pixels, reading.size)


def _measured_pixels(
    pixels: NDArray[np.float32], source: Source, reading: _Reading
) -> dict[str, NDArray[np.float64]]:
    return measure(
        pixels,
        bands=reading.bands,
        pixel_scale_arcsec=source.pixel_scale_arcsec,
        zero_point_mag=reading.zero_point_mag or 0.0,
    )


def _summary(
    measured: dict[str, NDArray[np.float64]], source: Source, reading: _Reading, *, count: int
) -> PartSummary:
    return PartSummary(
        cutouts=count,
        bands=reading.bands,
        unit=reading.unit or "as stored",
        pixel_scale_arcsec=source.pixel_scale_arcsec,
        quantiles=quantiles_of(measured),
        errors=errors_of(measured),
        compact=compact_of(measured),
    )


def _distance_of_features(ws: Workspace, run: Run, source: Source) -> tuple[float, float] | None:
    """Return how far the features of a source lie from those of a run's dataset, None without them.

    Features of what a network learned from are those it made its own: where there are enough, cutouts of the
    validation and test parts stand for the dataset. Of few that happen to have features, as of candidates
    fed back from a survey that has a map, nothing is told: they were chosen by their scores.
    """
    if not has_features(ws, run.name, source.name):
        return None
    dataset, fold = datasets.dataset_by_id(ws.database, run.dataset_id), fold_of(run.spec)
    parts = [datasets.part_members(ws.database, dataset.id, part, fold=fold) for part in PARTS_HELD_OUT]
    members = {name: np.concatenate([part[name] for part in parts]) for name in ("cutout_id", "label")}
    if len(members["cutout_id"]) < LEAST_HELD_OUT:
        members = datasets.part_members(ws.database, dataset.id, "train", fold=fold)
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(members["cutout_id"]))[:SAMPLE_FEATURES]
    ours, found = _features_of_members(ws, run, dataset, members["cutout_id"][chosen])
    if not len(found) or found.mean() < LEAST_WITH_FEATURES:
        return None
    theirs = load_features(ws, run.name, source.name)[1]
    theirs = theirs[np.sort(rng.permutation(len(theirs))[:SAMPLE_FEATURES])]
    every = -(-theirs.shape[1] // MOST_FEATURES)  # as many tell the median of more of them
    are_lenses = members["label"][chosen][found] == "lens"
    return feature_distance(ours[:, ::every], theirs[:, ::every], are_lenses=are_lenses)


def _features_of_members(
    ws: Workspace, run: Run, dataset: Dataset, ids: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the features of members of a dataset (k, d), of itself or its sources, and which have some."""
    of_dataset = [sources.source_by_id(ws.database, key).name for key in dataset.source_ids]
    found, rows, values = np.zeros(len(ids), np.bool_), [], []
    for owner in (dataset.name, *of_dataset):
        if found.all() or not has_features(ws, run.name, owner):
            continue
        stored_ids, stored = load_features(ws, run.name, owner)
        stored_rows = rows_of(ids, stored_ids)
        new = np.flatnonzero((stored_rows != ABSENT) & ~found)
        found[new] = True
        rows.append(new)
        values.append(np.asarray(stored[stored_rows[new]], np.float32))
    if not values:
        return np.zeros((0, 0), np.float32), found
    return np.concatenate(values)[np.argsort(np.concatenate(rows))], found
