"""Blind tests in a review: simulated lenses on real hosts, duds, and candidates shown a second time.

Each is a cutout of a hidden source, so that no listing, dataset, score or export can hold it. Its name,
position and score are made to look like those of its neighbours in the queue.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core import align
from lensapp.core.acting import may
from lensapp.core.data.paint_spec import LensedSourceSpec, MassSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.blind_places import (
    HostPool,
    draw_targets,
    pretended_scores,
    tenths_among,
    tenths_of,
)
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
from lensapp.storage import reviews, sources
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


def mix_in(
    ws: Workspace, owners: Sequence[Source], queue: Ids, candidates: Candidates, spec: ReviewSpec
) -> Mixed:
    """Make the blind tests that `spec` asks for and mix them into a queue at random places.

    Hosts and duds are cutouts of the same sources labelled as non-lenses; without labels the lower half by
    score; without scores any that is not labelled a lens, since lenses are rare. How it is known is stored
    with each. Duds and repetitions are of the tenth of the scores in which they stand, where that has some
    left (`truth["matched"]`); those outside the queue are taken first.
    """
    rng = np.random.default_rng([spec.seed, len(queue)])
    count = round(spec.calibrators * len(queue))
    duds, repeats = round(spec.dud_share * count), round(spec.repeats * len(queue))
    if not count and not repeats:
        return Mixed(queue, [])
    scores = align.aligned(queue, candidates.ids, candidates.scores, absent=np.nan)
    places = _Places(rng, queue, scores, align.aligned(queue, candidates.ids, candidates.source_id, absent=0))
    drawn: list[tuple[_Test, int]] = []
    if count:
        negatives, known_by = negatives_of(candidates)
        truth: dict[str, Any] = {"lens": False, "known_by": known_by}
        drawn += _shown_again(ws, places, negatives, count=duds, kind=DUD, truth=truth)
        mass = MASS.replaced(smallest_radius_arcsec=spec.smallest_radius_arcsec)
        drawn += _lenses_beside(
            ws, places, owners, negatives, mass=mass, count=count - duds, known_by=known_by
        )
    members = Candidates(queue, scores, np.full(len(queue), None), places.source_id)
    drawn += _shown_again(ws, places, members, count=repeats, kind=REPEAT, truth={})
    tests = [test for test, _ in drawn]
    test_ids = _store_hidden(ws, rng, owners, tests, shown=(*ORIENTATION, *spec.columns))
    beside = np.array([target for _, target in drawn]) + rng.uniform(-0.499, 0.499, len(drawn))
    order = np.argsort(np.concatenate([np.arange(len(queue), dtype=np.float64), beside]), kind="stable")
    mixed = np.concatenate([queue, np.asarray(test_ids, np.int64)])[order]
    told = pretended_scores(rng, scores, beside, uncertain_score=spec.uncertain_score)
    return Mixed(mixed, _test_rows(tests, test_ids, told))


@dataclass(frozen=True, eq=False)
class _Places:
    """A queue in which tests get their places: scores, sources and tenths of its candidates."""

    rng: np.random.Generator
    queue: Ids
    scores: NDArray[np.float64]
    source_id: Ids

    @cached_property
    def tenths(self) -> Ids:
        return tenths_of(self.scores)

    def targets(self, count: int) -> Ids:
        return draw_targets(self.rng, self.tenths, count) if count else np.empty(0, np.int64)


def _shown_again(
    ws: Workspace, places: _Places, hosts: Candidates, *, count: int, kind: str, truth: dict[str, Any]
) -> list[tuple[_Test, int]]:
    """Return tests that show cutouts as they are, each with the candidate beside which it stands.

    Where there are several sources, a test is of that of the candidate beside it.
    """
    tests: list[tuple[_Test, int]] = []
    targets = places.targets(count)
    for source_id in np.unique(places.source_id[targets]).tolist():
        own = hosts.of_source(source_id)
        own = own if len(own.ids) else hosts
        tenths = tenths_among(own.scores, places.scores)
        pool = HostPool(places.rng, tenths, align.rows_of(own.ids, places.queue), size=len(places.queue))
        of_source = targets[places.source_id[targets] == source_id].tolist()
        taken = [pool.take(int(places.tenths[target]), target) for target in of_source]
        cutouts = sources.get_cutouts(ws.database, [int(own.ids[row]) for row, _ in taken])
        for cutout, (_, matched), target in zip(cutouts, taken, of_source, strict=True):
            more = {"matched": matched} if kind == DUD else {"of": cutout.id}
            tests.append((_Test(kind, cutout, truth | more), target))
    return tests


def _lenses_beside(
    ws: Workspace,
    places: _Places,
    owners: Sequence[Source],
    negatives: Candidates,
    *,
    mass: MassSpec,
    count: int,
    known_by: str,
) -> list[tuple[_Test, int]]:
    """Return simulated lenses, painted on hosts of the sources of the candidates beside which they stand."""
    tests: list[tuple[_Test, int]] = []
    targets = places.targets(count)
    for source in owners:
        beside = targets[places.source_id[targets] == source.id].tolist()
        if not beside:
            continue
        own = negatives.of_source(source.id)
        pool = places.rng.permutation(own.ids if len(own.ids) else negatives.ids)
        pool = pool[np.argsort(np.isin(pool, places.queue), kind="stable")]
        painted = _lenses(ws, places.rng, source, pool, mass=mass, count=len(beside), known_by=known_by)
        tests += zip(painted, beside, strict=True)
    return tests


def unmatched_warning(ws: Workspace, review: Review) -> str | None:
    """Return what who makes a review is told where duds could be told from candidates, None where not."""
    count = unmatched_duds(ws, review)
    if not count:
        return None
    return (
        f"{count} blind tests without a lens have scores unlike those of the candidates around them, since "
        "there are no known non-lenses of such scores left: inspectors may tell them by their looks."
    )


def unmatched_duds(ws: Workspace, review: Review) -> int:
    """Return how many duds of a review have a score unlike those around them, for want of others."""
    tests = reviews.blind_tests_of(ws.database, [review.id])
    return sum(test.truth.get("matched") is False for test in tests)


def negatives_of(candidates: Candidates) -> tuple[Candidates, str]:
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
    return candidates.of_rows(usable), known_by


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


def _names_of(
    ws: Workspace, rng: np.random.Generator, owners: Sequence[Source], hosts: Sequence[Cutout]
) -> list[str]:
    """Return a name for a test of each host, as the source of that host would call it."""
    names = [""] * len(hosts)
    for owner in owners:
        own = [number for number, host in enumerate(hosts) if host.source_id == owner.id]
        plausible = plausible_names(ws, rng, owner, count=len(own), others=names)
        for number, name in zip(own, plausible, strict=True):
            names[number] = name
    return names


def _store_hidden(
    ws: Workspace,
    rng: np.random.Generator,
    owners: Sequence[Source],
    tests: Sequence[_Test],
    *,
    shown: Sequence[str],
) -> list[int]:
    """Register the tests as cutouts of a hidden source; return their cutout ids.

    What the gallery shows of a candidate, the columns in `shown`, they take from their hosts.
    """
    source, painted = owners[0], [test.pixels for test in tests if test.pixels is not None]
    hidden = sources.create_source(
        ws.database,
        name=f"{sources.HIDDEN_PREFIX}{uuid.uuid4().hex}",
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
    names = _names_of(ws, rng, owners, [tests[k].host for k in order.tolist()])
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


def plausible_names(
    ws: Workspace, rng: np.random.Generator, source: Source, *, count: int, others: Sequence[str] = ()
) -> list[str]:
    """Return unused IDs that look like those of the source: the last digits of their last number drawn anew.

    More of them are drawn the longer names are all taken; `others` are taken as well.
    """
    column = sources.cutout_columns(ws.database, [source.id], columns=("candidate_id",))["candidate_id"]
    taken: set[str] = {*column.tolist(), *others}
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
    tests: Sequence[_Test], test_ids: Sequence[int], scores: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Return the rows of the table; each with a score as if a network gave it."""
    return [
        {
            "cutout_id": cutout_id,
            "kind": test.kind,
            "pixels_of": None if test.pixels is not None else test.host.id,
            "score": None if np.isnan(score) else score,
            "truth": test.truth,
        }
        for test, cutout_id, score in zip(tests, test_ids, scores.tolist(), strict=True)
    ]
