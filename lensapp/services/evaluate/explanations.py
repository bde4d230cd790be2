"""Explanations of single cutouts: start them, find what they are about, read and draw them."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.data.imaging import levels_of_sample, render
from lensapp.core.data.overlays import STRONGEST, enlarged, shaded
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.explain_spec import OF_A_PAGE, ExplainSpec
from lensapp.job_kinds import ExplanationPayload
from lensapp.services.access.roots import check_readable
from lensapp.services.data.pictures import read_pictures
from lensapp.services.train.run_networks import network_has_changed
from lensapp.services.train.runs import check_source_fits, require_scores
from lensapp.storage import runs, sources
from lensapp.storage.cutouts import open_in_unit
from lensapp.storage.explanations import StoredExplanation, load_explanation
from lensapp.storage.records import Cutout, Job
from lensapp.storage.workspace import Workspace

BEGIN_SECONDS, USUAL_SECONDS = 8.0, 1.0  # until a fresh process is ready, and of each cutout on two cores
SMALLEST_PICTURE = 320
GAP = 8
UNLIKE = 0.5  # a map that random weights give as well does not show what was learnt
MAP_NAMES = {
    "regions": "LIME",
    "occlusion": "Occlusion",
    "grad_cam": "Grad-CAM",
    "integrated": "Integrated gradients",
}

Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Subject:
    """A cutout to explain.

    Attributes
    ----------
    key
        Name under which the explanation is kept.
    pixels : float32, shape (y, x, band)
        Flux, NaN where masked.
    named
        What it is called: candidate and source, or candidate and file.
    """

    key: str
    pixels: NDArray[np.float32]
    named: dict[str, Any]


@needs("work")
def start_explanation(
    ws: Workspace,
    *,
    run_name: str,
    cutout_id: int | None = None,
    file: Path | None = None,
    stated: Mapping[str, Any] | None = None,
    allow_unknown_units: bool = False,
    crop: bool = False,
    spec: ExplainSpec | None = None,
) -> Job:
    """Queue the explanation of what a run says of a cutout or of a file with one.

    One of the same that waits or runs already is returned. Zero point and pixel scale of a file are `stated`
    as in an import; a file is explained whatever is unknown of it. For a cutout the run remembers
    `allow_unknown_units` and `crop`, see `lensapp.services.train.runs.start_scoring`.

    Raises
    ------
    NotFound
        When the run or the cutout does not exist.
    InvalidInput
        When the run has no network.
    BandMismatch
        When bands, their order, the size or the pixel scale differ from the network's.
    """
    run = runs.get_run(ws.database, run_name)
    require_scores(ws, run)
    payload: ExplanationPayload = {"run": run.name, "spec": (spec or ExplainSpec()).saved()}
    if file is not None:
        check_readable(file)
        payload["file"], name = str(file.absolute()), file.name
        if stated:
            payload["stated"] = dict(stated)
    else:
        cutout = _cutout(ws, cutout_id)
        source = sources.source_by_id(ws.database, cutout.source_id)
        if allow_unknown_units:
            runs.allow_unknown_units(ws, run, source)
        if crop:
            runs.allow_crop(ws, run, source)
        check_source_fits(ws, run, source)
        payload["cutout"], name = cutout.id, cutout.candidate_id
    title = f"Explain {name} by {run.name}"
    return jobs.enqueue(ws.database, kind="explain", title=title, payload=payload, once=True)


@needs("work")
def start_explanations(
    ws: Workspace, *, run_name: str, cutout_ids: Sequence[int], spec: ExplainSpec | None = None
) -> Job:
    """Queue the explanations of what a run says of several cutouts, as one job; see `start_explanation`."""
    run = runs.get_run(ws.database, run_name)
    require_scores(ws, run)
    cutouts = [_cutout(ws, cutout_id) for cutout_id in cutout_ids]
    for source_id in {cutout.source_id for cutout in cutouts}:
        check_source_fits(ws, run, sources.source_by_id(ws.database, source_id))
    payload: ExplanationPayload = {
        "run": run.name,
        "spec": (spec or OF_A_PAGE).saved(),
        "cutouts": [cutout.id for cutout in cutouts],
    }
    title = f"Explain {len(cutouts)} cutouts by {run.name}"
    return jobs.enqueue(ws.database, kind="explain", title=title, payload=payload, once=True)


def explained_last(ws: Workspace, run_name: str, cutout_ids: Collection[int]) -> list[int]:
    """Return the cutouts of the newest job that explains some of these by a run; none where there was none.

    Its page held more of them than still lack a map.
    """
    for job in jobs.recent(ws.database, limit=jobs.JOBS_SEARCHED):
        cutouts: list[int] = job.payload.get("cutouts") or []
        if (
            job.kind == "explain"
            and job.payload["run"] == run_name
            and not set(cutouts).isdisjoint(cutout_ids)
        ):
            return cutouts
    return []


def expected_seconds(ws: Workspace, run_name: str, count: int) -> float:
    """Return how long explaining so many cutouts takes: each as in the newest page of them, or as usual."""
    pages = [
        (job.payload["run"] != run_name, (job.finished_at - job.started_at) / len(job.payload["cutouts"]))
        for job in jobs.recent(ws.database, limit=jobs.JOBS_SEARCHED)
        if job.kind == "explain" and job.state == "done" and job.payload.get("cutouts")
        if job.started_at is not None and job.finished_at is not None
    ]
    if not pages:
        return BEGIN_SECONDS + USUAL_SECONDS * count
    return min(pages, key=lambda page: page[0])[1] * count  # of this run, where there is one


def find_subject(ws: Workspace, name: str, *, source_name: str | None = None) -> dict[str, Any]:
    """Return the file or the cutout that `name` stands for, as arguments of `start_explanation`.

    Raises
    ------
    NotFound
        When there is neither.
    InvalidInput
        When several sources have a candidate called so.
    """
    source = sources.get_source(ws.database, source_name) if source_name else None
    if source is None and Path(name).exists():
        return {"file": Path(name)}
    cutouts = sources.find_cutouts(ws.database, name, source_id=source.id if source else None)
    if not cutouts:
        raise NotFound(
            f"{name!r} is neither the ID of a candidate nor a file. Check the spelling and the source."
        )
    if len(cutouts) > 1:
        names = ", ".join(sources.source_by_id(ws.database, cutout.source_id).name for cutout in cutouts)
        raise InvalidInput(f"Several sources have a candidate {name}: {names}. Choose one with --source.")
    return {"cutout_id": cutouts[0].id}


def read_subject(
    ws: Workspace,
    *,
    run_name: str,
    about: str | None,
    cutout_id: int | None = None,
    file: str | None = None,
    stated: Mapping[str, Any] | None = None,
) -> Subject:
    """Read the cutout that a queued explanation is about: one of a source, or the one in a file.

    Raises
    ------
    NotFound
        When the cutout does not exist any more.
    InvalidInput
        When the file cannot be read or holds several cutouts.
    BandMismatch
        When it is not what the network expects.
    """
    from lensapp.services.evaluate.single_images import read_single_images

    expected = runs.normalisation_of(ws, run_name)
    if file is None:
        cutout = _cutout(ws, cutout_id)
        source = sources.source_by_id(ws.database, cutout.source_id)
        factor = expected.reading_factor(source.pixel_scale_arcsec)
        packed = open_in_unit(ws.cutouts_folder(source.name), factor, expected.bands)
        [pixels] = packed.read(np.array([cutout.row]))
        named = {"candidate": cutout.candidate_id, "source": source.name}
        return Subject(explanation_key(cutout.id, about), pixels, named)
    images = read_single_images(
        [Path(file)], expected, stated=stated or {}, allow_unknown_units=True, crop=True
    )
    if len(images) != 1:
        raise InvalidInput(
            f"{file} holds {len(images)} cutouts, not one. Import it and give a candidate's ID."
        )
    digest = hashlib.sha256(images[0].pixels.tobytes()).hexdigest()[:12]
    named = {"candidate": images[0].candidate_id, "file": images[0].file}
    if images[0].warnings:  # explained all the same: why a score misleads is worth seeing
        named["warnings"] = " ".join(images[0].warnings)
    return Subject(explanation_key(f"file-{digest}", about), images[0].pixels, named)


def _cutout(ws: Workspace, cutout_id: int | None) -> Cutout:
    cutouts = sources.get_cutouts(ws.database, [] if cutout_id is None else [cutout_id])
    if not cutouts:
        raise NotFound(f"There is no cutout with the number {cutout_id}. Take the number from a catalogue.")
    return cutouts[0]


def explanation_key(subject: int | str, about: str | None) -> str:
    """Return the name under which the explanation of a cutout (its number, or a file's digest) is kept."""
    called = f"cutout-{subject}" if isinstance(subject, int) else subject
    return called if about is None else f"{called}-{hashlib.sha256(about.encode()).hexdigest()[:8]}"


def stored_explanation(
    ws: Workspace, run_name: str, cutout_id: int, *, about: str | None = None
) -> StoredExplanation | None:
    """Return the explanation of a cutout by the present network of a run, or None."""
    run = runs.get_run(ws.database, run_name)
    try:
        explanation = load_explanation(ws.run_folder(run.name), explanation_key(cutout_id, about))
    except NotFound:
        return None
    since, checksum = float(explanation.figures["explained_at"]), explanation.figures.get("network_sha256")
    return None if network_has_changed(ws, run, since=since, checksum=checksum) else explanation


def panels(
    explanation: StoredExplanation, picture: Picture, *, opacity: float = STRONGEST
) -> dict[str, Picture]:
    """Return the cutout and each of its maps over it, as pictures of one size.

    Parameters
    ----------
    explanation
        What `stored_explanation` returns.
    picture : uint8, shape (row, column, 3)
        The cutout as a picture, first row on top.
    opacity
        Of the strongest colour, 0 to 1.
    """
    times = -(-SMALLEST_PICTURE // min(picture.shape[:2]))
    overlays = {name: overlay(explanation, picture, name, times, opacity) for name in explanation.maps}
    return {"cutout": enlarged(picture, times)} | overlays


def overlay(
    explanation: StoredExplanation, picture: Picture, name: str, times: int, opacity: float
) -> Picture:
    """Return the map called `name` over the picture of its cutout, each pixel `times` wide."""
    labels = explanation.labels[::-1] if name == "regions" else None
    return shaded(picture, explanation.maps[name][::-1], times=times, labels=labels, opacity=opacity)


def reading(figures: Mapping[str, Any]) -> str:
    """Return in a few sentences what the maps rest on, and how far those of gradients can be trusted."""
    agreement, central = figures["agreement"], figures["central_share"]
    parts = [
        f"{figures['perturbations']} copies with about half of {figures['segments']} regions hidden by the "
        f"cutout's own sky; with all hidden the {figures['about']} is {figures['baseline']:.3g}",
        f"the linear model explains {100 * max(figures['fidelity'], 0.0):.0f} % of the changes"
        + (" of the logit" if figures.get("explained") == "logit" else ""),
    ]
    if agreement is not None:
        parts.append(f"both maps agree with r = {agreement:.2f}")
    if central is not None:
        parts.append(f"{100 * central:.0f} % of the weight lies in the middle fifth of the image")
    words = "; ".join(parts) + ". "
    told = figures.get("gradients")
    if told is None:
        return words + str(figures.get("without_gradients") or "")
    likeness = [
        f"{MAP_NAMES[name]} ρ = {value:.2f}" + (" (hardly what was learnt)" if abs(value) > UNLIKE else "")
        for name, value in told["randomised"].items()
        if value is not None
    ]
    if likeness:
        words += f"Likeness to maps of the network with random weights: {', '.join(likeness)}."
    if told["gap"] is not None:
        words += f" Integrated gradients miss their sum by {100 * told['gap']:.1f} %."
    return words


def likeness_to_random(found: Sequence[StoredExplanation]) -> dict[str, float]:
    """Return how far maps of gradients are like those of random weights: the median of Spearman's ρ."""
    told = [one.figures.get("gradients") or {"randomised": {}} for one in found]
    names = {name for one in told for name in one["randomised"]}
    values = {name: [one["randomised"].get(name) for one in told] for name in sorted(names)}
    numbers = {name: [one for one in some if one is not None] for name, some in values.items()}
    return {name: float(np.median(some)) for name, some in numbers.items() if some}


def write_picture(ws: Workspace, run_name: str, key: str, out: Path, *, cutout_id: int | None = None) -> None:
    """Write the panels of an explanation side by side as PNG or another format by its suffix.

    A cutout of a source is drawn by the source's levels, as on all pages; one in a file by its own.

    Raises
    ------
    NotFound
        When there is no such explanation.
    InvalidInput
        When the format is unknown or the file cannot be written.
    """
    explanation = load_explanation(ws.run_folder(run_name), key)
    if cutout_id is None:
        trained = runs.normalisation_of(ws, run_name)
        pixels = explanation.pixels[None]
        levels = levels_of_sample(pixels, in_flux=False, of_pictures=trained.unit == "picture")
        picture = render(pixels, bands=trained.bands, levels=levels)[0]
    else:
        source = sources.source_by_id(ws.database, _cutout(ws, cutout_id).source_id)
        _, [picture] = read_pictures(ws, source, [cutout_id])
    parts = list(panels(explanation, picture).values())
    gap = np.full((parts[0].shape[0], GAP, 3), 255, np.uint8)
    row = np.concatenate([part for panel in parts for part in (panel, gap)][:-1], axis=1)
    try:
        Image.fromarray(row).save(out)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"The picture {out} cannot be written: {error}. Give another --out, such as why.png."
        ) from error
