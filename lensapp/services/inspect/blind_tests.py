"""Blind tests in a review: simulated lenses on real hosts, duds, and candidates shown a second time.

Each is a cutout of a hidden source, so that no listing, dataset, score or export can hold it. Its name,
position and score are made to look like those of its neighbours in the queue.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.simulation.injection import USUAL_PIXEL_SCALE_ARCSEC, SkyModel, inject_arcs, measure_sky
from lensapp.storage import sources
from lensapp.storage.arrays import Packing, Pixels, ShardWriter
from lensapp.storage.cutouts import read_cutouts
from lensapp.storage.records import Cutout, Source
from lensapp.storage.workspace import Workspace

LENS, DUD, REPEAT = "lens", "dud", "repeat"
ORIENTATION = ("north_deg", "east_left")  # as the gallery's facts tell it
SKY_IMAGES = 256
HOSTS_TO_CHOOSE_FROM = 4  # per simulated lens
LEAST_FINITE = 0.98
SHIFT_PIXELS = 0.5
REPEAT_GAP = 0.1  # of the queue, between a candidate and its repetition
MOST_NAME_TRIES = 1000

Ids = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mixed:
    """A queue with blind tests in it, and these as rows for the table of blind tests."""

    queue: Ids
    blind_tests: list[dict[str, Any]]


@dataclass(frozen=True)
class _Test:
    """One blind test before it is stored; `host` is the cutout that it shows or is painted on."""

    kind: str
    host: Cutout
    truth: dict[str, Any]
    pixels: Pixels | None = None


@dataclass(frozen=True, eq=False)
class Known:
    """All cutouts that a review could show, one entry each.

    Attributes
    ----------
    ids : int64, shape (n,)
    scores : float64, shape (n,)
        NaN where unknown.
    labels : object, shape (n,)
        "lens", "nonlens", other class names or None.
    source_id : int64, shape (n,)
    """

    ids: Ids
    scores: Scores
    labels: NDArray[Any]
    source_id: Ids

    def of_source(self, source_id: int) -> "Known":
        """Return the cutouts of one source."""
        kept = self.source_id == source_id
        return Known(self.ids[kept], self.scores[kept], self.labels[kept], self.source_id[kept])


def mix_in(ws: Workspace, source: Source, queue: Ids, known: Known, spec: ReviewSpec) -> Mixed:
    """Make the blind tests that `spec` asks for and mix them into a queue at random places.

    Hosts and duds are cutouts of `source` known as non-lenses; without labels the lower half by score;
    without scores any that is not labelled a lens, since lenses are rare. Those outside the queue are
    taken first. How it is known is kept with each.

    Raises
    ------
    InvalidInput
        When the source has no cutout that could be a host.
    """
    rng = np.random.default_rng([spec.seed, len(queue)])
    tests = round(spec.calibrators * len(queue))
    duds = round(spec.dud_share * tests)
    made: list[_Test] = []
    if tests:
        pool, known_by = _negatives(rng, known.of_source(source.id), queue)
        made += _duds(ws, np.resize(pool, duds), known_by)
        made += _lenses(ws, rng, source, np.roll(pool, -duds), count=tests - duds, known_by=known_by)
    made += _repeats(ws, rng, queue, count=round(spec.repeats * len(queue)))
    if not made:
        return Mixed(queue, [])
    keys = _store(ws, rng, source, made)
    mixed = _interleave(rng, queue, made, keys)
    scores = dict(zip(known.ids.tolist(), known.scores.tolist(), strict=True))
    return Mixed(mixed, _rows(rng, made, keys, mixed, scores))


def _negatives(rng: np.random.Generator, known: Known, queue: Ids) -> tuple[Ids, str]:
    """Return cutouts that are no lenses, those outside the queue first, and how that is known."""
    usable, known_by = np.asarray(known.labels == "nonlens", bool), "label"
    if not usable.any():
        usable, known_by = np.asarray(known.labels != "lens", bool), "rarity"
        if np.isfinite(known.scores).any():
            usable, known_by = usable & (known.scores <= np.nanmedian(known.scores)), "score"
    pool = rng.permutation(known.ids[usable])
    if not len(pool):
        raise InvalidInput(
            "Expected cutouts that are no lenses, to make blind tests of, received none. "
            "Set calibrators to 0, or review a source that holds some."
        )
    shown = np.isin(pool, queue)
    return np.concatenate([pool[~shown], pool[shown]]), known_by


def _duds(ws: Workspace, pool: Ids, known_by: str) -> list[_Test]:
    found = sources.get_cutouts(ws.database, pool.tolist())
    return [_Test(DUD, host, {"lens": False, "known_by": known_by}) for host in found]


def _repeats(ws: Workspace, rng: np.random.Generator, queue: Ids, *, count: int) -> list[_Test]:
    chosen = rng.choice(queue, count, replace=False) if count else np.empty(0, np.int64)
    found = sources.get_cutouts(ws.database, chosen.tolist())
    return [_Test(REPEAT, host, {"of": host.id}) for host in found]


def _lenses(
    ws: Workspace, rng: np.random.Generator, source: Source, pool: Ids, *, count: int, known_by: str
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
            f"Expected cutouts of {source.name} without masked pixels, to paint arcs on, received none. "
            "Set dud_share to 1 or calibrators to 0."
        )
    scale = source.pixel_scale_arcsec or USUAL_PIXEL_SCALE_ARCSEC
    sky = measure_sky(pixels[whole[:SKY_IMAGES]], pixel_scale_arcsec=scale)
    places = whole[_reddest(pixels[whole], sky, count=count)]
    images, truth = inject_arcs(rng, pixels[places], bands=source.bands, sky=sky, pixel_scale_arcsec=scale)
    return [
        _Test(
            LENS, offered[place], {"lens": True, "known_by": known_by, "host": offered[place].id} | one, image
        )
        for place, image, one in zip(places.tolist(), images, truth, strict=True)
    ]


def _reddest(pixels: Pixels, sky: SkyModel, *, count: int) -> NDArray[np.int64]:
    """Return `count` places of images, the reddest first; again from the start where there are too few."""
    size = min(pixels.shape[1:3])
    middle = pixels[:, size // 4 : -(size // 4) or None, size // 4 : -(size // 4) or None]
    light = np.nanmean(middle, axis=(1, 2)) - np.nanmedian(pixels, axis=(1, 2)) + sky.sigma
    colour = light[:, -1] / np.maximum(light[:, 0], sky.sigma[0] / 2)
    order = np.argsort(-colour, kind="stable")
    return np.resize(order[: max(count, len(order) // HOSTS_TO_CHOOSE_FROM)], count)


def _store(ws: Workspace, rng: np.random.Generator, source: Source, made: Sequence[_Test]) -> list[int]:
    """Register the tests as cutouts of a hidden source; return their cutout ids."""
    painted = [test.pixels for test in made if test.pixels is not None]
    hidden = sources.create_source(
        ws.database,
        name=f"hidden-{uuid.uuid4().hex}",
        kind=sources.HIDDEN_KIND,
        bands=source.bands,
        height=source.height,
        width=source.width,
        slots=len(made),
        pixel_scale_arcsec=source.pixel_scale_arcsec,
        spec={"source": source.name},
    )
    plan = Packing.plan(slots=len(painted), height=source.height, width=source.width, bands=source.bands)
    writer = ShardWriter.create(ws.cutouts_folder(hidden.name), plan)
    for row, image in enumerate(painted):
        writer.write(row, image)
    writer.finish()
    order = np.argsort([test.pixels is None for test in made], kind="stable").tolist()
    names = _plausible_names(ws, rng, source, count=len(made))
    rows = [_row(rng, source, made[k], names[k], row) for row, k in enumerate(order)]
    sources.add_cutouts(ws.database, hidden.id, rows)
    sources.finish_source(ws.database, hidden.id, quality={})
    columns = sources.cutout_columns(ws.database, [hidden.id], columns=("id", "row"))
    by_row = dict(zip(columns["row"].tolist(), columns["id"].tolist(), strict=True))
    keys = [0] * len(made)
    for row, k in enumerate(order):
        keys[k] = by_row[row]
    return keys


def _row(rng: np.random.Generator, source: Source, test: _Test, name: str, row: int) -> dict[str, Any]:
    """Return the cutout: where its host is but for a fraction of a pixel, as in overlapping exposures."""
    step = (source.pixel_scale_arcsec or USUAL_PIXEL_SCALE_ARCSEC) * SHIFT_PIXELS / 3600
    host, (east, north) = test.host, rng.normal(0, step, 2)
    placed = host.ra_deg is not None and host.dec_deg is not None
    cosine = max(float(np.cos(np.radians(host.dec_deg or 0.0))), 1e-3)
    return {
        "row": row,
        "candidate_id": name,
        "ra_deg": ((host.ra_deg or 0.0) + east / cosine) % 360 if placed else None,
        "dec_deg": float(np.clip((host.dec_deg or 0.0) + north, -90, 90)) if placed else None,
        "position_from": host.position_from,
        "masked_fraction": host.masked_fraction,
        "properties": {key: host.properties[key] for key in ORIENTATION if key in host.properties},
    }


def _plausible_names(ws: Workspace, rng: np.random.Generator, source: Source, *, count: int) -> list[str]:
    """Return unused IDs that look like those of the source: with other digits in the last number."""
    column = sources.cutout_columns(ws.database, [source.id], columns=("candidate_id",))["candidate_id"]
    taken: set[str] = set(column.tolist())
    names: list[str] = []
    for tries in range(count * MOST_NAME_TRIES):
        if len(names) == count:
            break
        example = column[rng.integers(len(column))]
        name = _with_other_digits(rng, example, longer=tries // (count * 20))
        if name not in taken:
            taken.add(name)
            names.append(name)
    return names


def _with_other_digits(rng: np.random.Generator, example: str, *, longer: int) -> str:
    """Return `example` with its last digits drawn anew, more of them the `longer` names are all taken."""
    found = list(re.finditer(r"\d+", example))
    if not found:
        return f"{example}-{rng.integers(10 ** (longer + 2))}"
    last = found[-1]
    digits = len(last[0]) + longer // 10
    changed = min(digits, 2 + longer)
    kept = last[0][: max(0, digits - changed)]
    number = "".join(str(digit) for digit in rng.integers(0, 10, digits - len(kept)))
    return example[: last.start()] + kept + number + example[last.end() :]


def _interleave(rng: np.random.Generator, queue: Ids, made: Sequence[_Test], keys: Sequence[int]) -> Ids:
    """Put tests at random places; a repetition comes well after its original where the queue allows."""
    place = {key: number for number, key in enumerate(queue.tolist())}
    gap = REPEAT_GAP * len(queue)
    wanted = np.arange(len(queue), dtype=np.float64)
    drawn = []
    for test in made:
        first = 0.0
        if test.kind == REPEAT:
            first = min(place[test.host.id] + gap, max(place[test.host.id] + 0.5, len(queue) - 1.0))
        drawn.append(rng.uniform(first, len(queue)))
    order = np.argsort(np.concatenate([wanted, drawn]), kind="stable")
    return np.concatenate([queue, np.asarray(keys, np.int64)])[order]


def _rows(
    rng: np.random.Generator,
    made: Sequence[_Test],
    keys: Sequence[int],
    mixed: Ids,
    scores: dict[int, float],
) -> list[dict[str, Any]]:
    """Return the rows of the table; each has a score between its neighbours', as if a network gave it."""
    shown = np.array([scores.get(key, np.nan) for key in mixed.tolist()])
    real = np.flatnonzero(np.isfinite(shown))
    told: dict[int, float] = {}
    if len(real):
        place = {key: number for number, key in enumerate(mixed.tolist())}
        for key in keys:
            left = real[max(0, int(np.searchsorted(real, place[key])) - 1)]
            right = real[min(len(real) - 1, int(np.searchsorted(real, place[key])))]
            told[key] = float(rng.uniform(*sorted((shown[left], shown[right]))))
    return [
        {
            "cutout_id": key,
            "kind": test.kind,
            "pixels_of": None if test.pixels is not None else test.host.id,
            "score": told.get(key),
            "truth": test.truth,
        }
        for test, key in zip(made, keys, strict=True)
    ]
