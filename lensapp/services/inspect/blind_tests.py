"""Blind tests in a review: simulated lenses on real hosts, duds, and candidates shown a second time.

Each is a cutout of a hidden source, so that no listing, dataset, score or export can hold it. Its name,
position and score are made to look like those of its neighbours in the queue.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core import align
from lensapp.core.acting import may
from lensapp.core.data.paint_spec import LensedSourceSpec, MassSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.data.host_choice import kept_psf
from lensapp.services.inspect.acquisition import Candidates
from lensapp.simulation.injection import (
    USUAL_PIXEL_SCALE_ARCSEC,
    Survey,
    largest_fitting_radius,
    paint_lenses,
)
from lensapp.simulation.lens_population import draw_lenses
from lensapp.simulation.sky_model import SkyModel, measure_sky
from lensapp.storage import sources
from lensapp.storage.arrays import Packing, Pixels, ShardWriter
from lensapp.storage.cutouts import kept_noise, open_cutouts, read_cutouts
from lensapp.storage.records import Cutout, Review, Source
from lensapp.storage.workspace import Workspace

LENS, DUD, REPEAT = "lens", "dud", "repeat"
ORIENTATION = ("north_deg", "east_left")  # as the gallery's facts show it
SKY_IMAGES = 256
HOSTS_TO_CHOOSE_FROM = 4  # per simulated lens
LEAST_FINITE = 0.98
SHIFT_PIXELS = 0.5
# One source galaxy behind each lens, its S/N as drawn: what inspectors recover is told by it.
MASS = MassSpec(largest_radius_arcsec=2.6)
SOURCES = LensedSourceSpec(brightness="signal_to_noise", offset=0.5, second_share=0.0)
REPEAT_GAP = 0.1  # of the queue, between a candidate and its repetition
MOST_NAME_TRIES = 1000

Ids = NDArray[np.int64]


def tests_are_told(review: Review) -> bool:
    """Whether who acts may see how inspectors did on the blind tests of a review: once it is closed.

    Administrators may before. Which candidate was a test, and of what, exports tell administrators alone.
    """
    return review.closed_at is not None or may("reveal")


@dataclass(frozen=True, eq=False)
class Mixed:
    """A queue with blind tests in it, and these as rows for their table."""

    queue: Ids
    tests: list[dict[str, Any]]


@dataclass(frozen=True)
class _Test:
    """One blind test before it is stored; `host` is the cutout that it shows or is painted on."""

    kind: str
    host: Cutout
    truth: dict[str, Any]
    pixels: Pixels | None = None


def mix_in(ws: Workspace, source: Source, queue: Ids, candidates: Candidates, spec: ReviewSpec) -> Mixed:
    """Make the blind tests that `spec` asks for and mix them into a queue at random places.

    Hosts and duds are cutouts of `source` labelled as non-lenses; without labels the lower half by score;
    without scores any that is not labelled a lens, since lenses are rare. Those outside the queue are
    taken first. How it is known is stored with each.
    """
    rng = np.random.default_rng([spec.seed, len(queue)])
    count = round(spec.calibrators * len(queue))
    duds = round(spec.dud_share * count)
    tests: list[_Test] = []
    if count:
        negatives, known_by = negatives_of(candidates.of_source(source.id))
        pool = rng.permutation(negatives)
        in_queue = np.isin(pool, queue)
        pool = np.concatenate([pool[~in_queue], pool[in_queue]])
        truth = {"lens": False, "known_by": known_by}
        hosts = sources.get_cutouts(ws.database, np.resize(pool, duds).tolist())
        tests += [_Test(DUD, host, dict(truth)) for host in hosts]
        mass = MASS.replaced(smallest_radius_arcsec=spec.smallest_radius_arcsec)
        tests += _lenses(
            ws, rng, source, np.roll(pool, -duds), mass=mass, count=count - duds, known_by=known_by
        )
    if repeats := round(spec.repeats * len(queue)):
        hosts = sources.get_cutouts(ws.database, rng.choice(queue, repeats, replace=False).tolist())
        tests += [_Test(REPEAT, host, {"of": host.id}) for host in hosts]
    if not tests:
        return Mixed(queue, [])
    test_ids = _store_hidden(ws, rng, source, tests, shown=(*ORIENTATION, *spec.columns))
    position = {cutout_id: number for number, cutout_id in enumerate(queue.tolist())}
    drawn = []
    for test in tests:
        first = 0.0
        if test.kind == REPEAT:  # well after its original, where the queue allows
            original = position[test.host.id]
            first = min(original + REPEAT_GAP * len(queue), max(original + 0.5, len(queue) - 1.0))
        drawn.append(rng.uniform(first, len(queue)))
    order = np.argsort(np.concatenate([np.arange(len(queue), dtype=np.float64), drawn]), kind="stable")
    mixed = np.concatenate([queue, np.asarray(test_ids, np.int64)])[order]
    scores = align.aligned(mixed, candidates.ids, candidates.scores, absent=np.nan)
    return Mixed(mixed, _test_rows(rng, tests, test_ids, mixed, scores))


def negatives_of(candidates: Candidates) -> tuple[Ids, str]:
    """Return cutouts that are no lenses, and how that is known: "label", "score" or "rarity"."""
    usable, known_by = np.asarray(candidates.labels == "nonlens", bool), "label"
    if not usable.any():
        usable, known_by = np.asarray(candidates.labels != "lens", bool), "rarity"
        if np.isfinite(candidates.scores).any():
            usable, known_by = usable & (candidates.scores <= np.nanmedian(candidates.scores)), "score"
    if not usable.any():
        raise InvalidInput(
            "The source has no cutouts that are no lenses, to make blind tests from. Set calibrators to 0, "
            "or review a source with some."
        )
    return candidates.ids[usable], known_by


def _lenses(
    ws: Workspace,
    rng: np.random.Generator,
    source: Source,
    pool: Ids,
    *,
    mass: MassSpec,
    count: int,
    known_by: str,
) -> list[_Test]:
    """Paint arcs on hosts: the reddest of some negatives, as deflectors are early-type galaxies."""
    if not count:
        return []
    offered = sources.get_cutouts(ws.database, pool[: max(count * HOSTS_TO_CHOOSE_FROM, SKY_IMAGES)].tolist())
    # As pictures show them, and stored so: no network reads blind tests, and colours must not betray them.
    pixels = read_cutouts(ws, [cutout.id for cutout in offered], calibrated=True)
    whole = np.flatnonzero(np.isfinite(pixels).mean((1, 2, 3)) >= LEAST_FINITE)
    if not len(whole):
        raise InvalidInput(
            f"All cutouts of {source.name} have masked pixels, so that no arcs can be painted on them. "
            "Set dud_share to 1 or calibrators to 0."
        )
    scale = source.pixel_scale_arcsec or USUAL_PIXEL_SCALE_ARCSEC
    own_rows = np.array([one.row for one in offered if one.source_id == source.id], np.int64)
    psf = kept_psf(ws, source, own_rows)
    noise = np.full((len(offered), len(source.bands)), np.nan)
    noise[[one.source_id == source.id for one in offered]] = kept_noise(
        open_cutouts(ws, source.name, calibrated=True), own_rows
    )
    some = whole[:SKY_IMAGES]
    sky = measure_sky(pixels[some], pixel_scale_arcsec=scale, psf=psf, noise=noise[some])
    rows = _reddest_hosts(pixels, whole, sky, count=count)
    survey = Survey(source.bands, scale, sky, calibrated=False)  # the host's colours, whatever its unit
    largest = min(mass.largest_radius_arcsec, largest_fitting_radius(pixels.shape[1:3], scale))
    mass = mass.replaced(
        smallest_radius_arcsec=min(mass.smallest_radius_arcsec, largest / 2), largest_radius_arcsec=largest
    )
    unknown = np.full(count, np.nan)
    lenses = draw_lenses(
        rng, count, redshift=unknown, velocity_dispersion=unknown, scatter_dex=np.zeros(count), mass=mass,
        source=SOURCES,
    )  # fmt: skip
    lenses = replace(lenses, host=np.arange(count))
    painting = paint_lenses(
        rng, pixels[rows], lenses, survey=survey, mass=mass, source=SOURCES, noise=noise[rows]
    )
    images = (pixels[rows] + painting.light + painting.noise).astype(np.float32)
    return [
        _Test(LENS, host, {"lens": True, "known_by": known_by, "host": host.id} | arc, image)
        for host, image, arc in zip([offered[row] for row in rows], images, painting.truth, strict=True)
    ]


def _reddest_hosts(pixels: Pixels, whole: Ids, sky: SkyModel, *, count: int) -> Ids:
    """Return the rows of `count` hosts among those without masked pixels, the reddest in their middle."""
    size = min(pixels.shape[1:3])
    middle = slice(size // 4, -(size // 4) or None)
    light = np.nanmean(pixels[whole, middle, middle], axis=(1, 2)) - np.nanmedian(pixels[whole], axis=(1, 2))
    colour = (light[:, -1] + sky.sigma[-1]) / np.maximum(light[:, 0] + sky.sigma[0], sky.sigma[0] / 2)
    reddest = np.argsort(-colour, kind="stable")[: max(count, len(whole) // HOSTS_TO_CHOOSE_FROM)]
    return whole[np.resize(reddest, count)]  # again from the start where there are too few


def _store_hidden(
    ws: Workspace,
    rng: np.random.Generator,
    source: Source,
    tests: Sequence[_Test],
    *,
    shown: Sequence[str],
) -> list[int]:
    """Register the tests as cutouts of a hidden source; return their cutout ids.

    What the gallery shows of a candidate, the columns in `shown`, they take from their hosts.
    """
    painted = [test.pixels for test in tests if test.pixels is not None]
    hidden = sources.create_source(
        ws.database,
        name=f"hidden-{uuid.uuid4().hex}",
        kind=sources.HIDDEN_KIND,
        bands=source.bands,
        height=source.height,
        width=source.width,
        slots=len(tests),
        pixel_scale_arcsec=source.pixel_scale_arcsec,
        spec={"source": source.name},
    )
    plan = Packing.plan(slots=len(painted), height=source.height, width=source.width, bands=source.bands)
    writer = ShardWriter.create(ws.cutouts_folder(hidden.name), plan)
    for row, image in enumerate(painted):
        writer.write(row, image)
    writer.finish()
    # Painted ones first, since only they have pixels of their own.
    order = np.argsort([test.pixels is None for test in tests], kind="stable")
    names = plausible_names(ws, rng, source, count=len(tests))
    # Where its host is but for a fraction of a pixel, as in overlapping exposures.
    step = (source.pixel_scale_arcsec or USUAL_PIXEL_SCALE_ARCSEC) * SHIFT_PIXELS / 3600
    rows = []
    for row, k in enumerate(order.tolist()):
        host, (east, north) = tests[k].host, rng.normal(0, step, 2)
        ra = dec = None
        if host.ra_deg is not None and host.dec_deg is not None:
            ra = (host.ra_deg + east / max(float(np.cos(np.radians(host.dec_deg))), 1e-3)) % 360
            dec = float(np.clip(host.dec_deg + north, -90, 90))
        cutout = {"row": row, "candidate_id": names[k], "ra_deg": ra, "dec_deg": dec}
        cutout |= {"position_from": host.position_from, "masked_fraction": host.masked_fraction}
        cutout["properties"] = {key: host.properties[key] for key in shown if key in host.properties}
        rows.append(cutout)
    sources.add_cutouts(ws.database, hidden.id, rows)
    sources.finish_source(ws.database, hidden.id, quality={})
    columns = sources.cutout_columns(ws.database, [hidden.id], columns=("id", "row"))
    test_ids: list[int] = columns["id"][align.rows_of(np.argsort(order), columns["row"])].tolist()
    return test_ids


def plausible_names(ws: Workspace, rng: np.random.Generator, source: Source, *, count: int) -> list[str]:
    """Return unused IDs that look like those of the source: the last digits of their last number drawn anew.

    More of them are drawn the longer names are all taken.
    """
    column = sources.cutout_columns(ws.database, [source.id], columns=("candidate_id",))["candidate_id"]
    taken: set[str] = set(column.tolist())
    names: list[str] = []
    for tries in range(count * MOST_NAME_TRIES):
        if len(names) == count:
            break
        example, longer = column[rng.integers(len(column))], tries // (count * 20)
        numbers = list(re.finditer(r"\d+", example))
        if numbers:
            last = numbers[-1]
            digits = len(last[0]) + longer // 10
            same = last[0][: max(0, digits - min(digits, 2 + longer))]
            number = "".join(str(digit) for digit in rng.integers(0, 10, digits - len(same)))
            name = example[: last.start()] + same + number + example[last.end() :]
        else:
            name = f"{example}-{rng.integers(10 ** (longer + 2))}"
        if name not in taken:
            taken.add(name)
            names.append(name)
    return names


def _test_rows(
    rng: np.random.Generator,
    tests: Sequence[_Test],
    test_ids: Sequence[int],
    mixed: Ids,
    scores: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """Return the rows of the table; each has a score between its neighbours', as if a network gave it."""
    scored = np.flatnonzero(np.isfinite(scores))
    pretended: list[float | None] = [None] * len(tests)
    if len(scored):
        places = align.rows_of(test_ids, mixed)
        gaps = np.searchsorted(scored, places)  # tests side by side share one, and go down it in order
        share = rng.uniform(size=len(tests))
        for gap in np.unique(gaps):
            members = np.flatnonzero(gaps == gap)
            first, last = scores[scored[[max(0, gap - 1), min(len(scored) - 1, gap)]]]
            for member, part in zip(
                members[np.argsort(places[members])], np.sort(share[members]), strict=True
            ):
                pretended[member] = float(first + part * (last - first))
    return [
        {
            "cutout_id": cutout_id,
            "kind": test.kind,
            "pixels_of": None if test.pixels is not None else test.host.id,
            "score": score,
            "truth": test.truth,
        }
        for test, cutout_id, score in zip(tests, test_ids, pretended, strict=True)
    ]
