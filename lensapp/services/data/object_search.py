"""The objects in the cutouts of a source: what is detected, and which of it is kept."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.bands import wavelength_nm
from lensapp.core.data.detection import FWHM_OF_RADIUS, Objects, detect, psf_radius, star_likeness
from lensapp.core.data.find_spec import FindObjectsSpec
from lensapp.core.data.flux_units import REFERENCE_ZERO_POINT_MAG
from lensapp.core.data.sky import offset_positions
from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.progress import ProgressMeter, Report, ShouldStop
from lensapp.services.data.known_lenses import kept_known_lenses, load_known_lenses, match_known
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.cutouts import open_cutouts
from lensapp.storage.queries import Columns
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

I_BAND_NM = 770.0
STAR = 0.5  # likeness from which an object counts as a star
FIELD_COLUMNS = ("row", "candidate_id", "parent", "ra_deg", "dec_deg")
LEFT_OUT = {
    "failed": "cannot be measured",
    "faint": "are below the least S/N",
    "magnitude": "are outside the range of magnitudes",
    "star": "are as compact as stars",
    "galaxy": "are larger than stars",
    "target": "are, or touch, the target of their image",
    "known lens": "lie at a known lens",
    "edge": "lie too near the edge of their image for a whole cutout",
    "limit": "are beyond the number asked for",
}


@dataclass(frozen=True, eq=False)
class Fields:
    """The images that are searched.

    Attributes
    ----------
    columns
        FIELD_COLUMNS of their cutouts.
    north_deg, east_left : shape (n,)
        Orientation, NaN where no header tells.
    """

    source: Source
    packed: PackedCutouts
    band: int
    pixel_scale_arcsec: float
    columns: Columns
    north_deg: NDArray[np.float64]
    east_left: NDArray[np.float64]

    @property
    def calibrated(self) -> bool:
        """Whether fluxes are in one known unit."""
        return self.packed.flux_scales is not None


@dataclass(frozen=True, eq=False)
class Finds:
    """What was detected.

    Attributes
    ----------
    field : int64, shape (n,)
        Index of the image of each object in `Fields`.
    likeness : shape (n,)
        How much each resembles a star, 0 to 1.
    ra_deg, dec_deg : shape (n,)
        NaN where position or orientation of the image are unknown.
    """

    objects: Objects
    field: NDArray[np.int64]
    snr: NDArray[np.float64]
    likeness: NDArray[np.float64]
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    psf_radius_pixels: float


def open_fields(ws: Workspace, source_name: str, spec: FindObjectsSpec) -> Fields:
    """Open the cutouts of a source to be searched.

    Raises
    ------
    NotFound, InvalidInput
        When there is no such source, or it cannot be searched as asked for.
    """
    source = sources.get_source(ws.database, source_name)
    sources.require_ready(source)
    if source.pixel_scale_arcsec is None:
        raise InvalidInput(
            f"The pixel scale of {source_name} is unknown, as none of its headers told it, so that sizes and "
            "distances in arcsec mean nothing. Import it again with --pixel-scale-arcsec, or from "
            "files with positions in their headers."
        )
    smallest = min(source.height, source.width)
    if spec.size >= smallest:
        raise InvalidInput(
            f"Cutouts of {spec.size} pixels do not fit into those of {source_name}, which have "
            f"{source.width} × {source.height}. Choose a smaller size."
        )
    columns = sources.cutout_columns(ws.database, [source.id], columns=FIELD_COLUMNS)
    north, left = (
        sources.property_column(ws.database, [source.id], key) for key in ("north_deg", "east_left")
    )
    packed = open_cutouts(ws, source_name, calibrated=True)
    if packed.flux_scales is None and not (spec.brightest_mag is None and spec.faintest_mag is None):
        raise InvalidInput(
            f"The unit of flux of {source_name} is unknown, so that objects have no magnitudes. Leave out "
            "the range of magnitudes, or import the source with its zero point."
        )
    bands = source.bands
    if spec.band is None:  # the nearest to i
        from_i = [
            abs(nm - I_BAND_NM) if (nm := wavelength_nm(name, beside=bands)) is not None else np.inf
            for name in bands
        ]
        band = int(np.argmin(from_i))
    elif spec.band in bands:
        band = bands.index(spec.band)
    else:
        raise InvalidInput(f"There is no band {spec.band!r}; the source has {', '.join(bands)}. Name one.")
    return Fields(source, packed, band, source.pixel_scale_arcsec, columns, north, left)


def detect_all(fields: Fields, spec: FindObjectsSpec, report: Report, should_stop: ShouldStop) -> Finds:
    """Detect the objects of every image, then measure stars and positions over all of them.

    Raises
    ------
    JobCancelled
        When `should_stop` answered.
    """
    each: list[Objects] = []
    meter = ProgressMeter(report, len(fields.columns["row"]), "{done} of {total} images", share=0.9)
    for row in fields.columns["row"].tolist():
        each.append(detect(fields.packed.read(np.array([row]))[0], band=fields.band))
        meter.add(1)
        if should_stop() is not None:
            raise JobCancelled("The search for objects was stopped. Run it again to begin anew.")
    objects = Objects.concatenated(each)
    field = np.repeat(np.arange(len(each)), [len(objects) for objects in each])
    flux, error = objects.flux[:, fields.band], objects.flux_error[:, fields.band]
    snr = np.divide(flux, error, out=np.zeros(len(flux)), where=error > 0.0)
    psf = psf_radius(objects.half_light_radius, snr, objects.flags)
    if spec.psf_fwhm_arcsec is not None:
        psf = spec.psf_fwhm_arcsec / fields.pixel_scale_arcsec / FWHM_OF_RADIUS
    likeness = star_likeness(objects.half_light_radius, snr, psf=psf)
    # Where objects lie on the sky, from the middle and the orientation of their image.
    east, north = offsets_arcsec(
        objects.x - (fields.source.width - 1) / 2,
        objects.y - (fields.source.height - 1) / 2,
        north_deg=fields.north_deg[field],
        east_left=fields.east_left[field],
        pixel_scale_arcsec=fields.pixel_scale_arcsec,
    )
    ra, dec = (fields.columns[axis][field] for axis in ("ra_deg", "dec_deg"))
    ra, dec = offset_positions(ra, dec, east_arcsec=east, north_arcsec=north)
    return Finds(objects, field, snr, likeness, ra, dec, psf)


def offsets_arcsec(
    right: NDArray[np.float64],
    up: NDArray[np.float64],
    *,
    north_deg: NDArray[np.float64],
    east_left: NDArray[np.float64],
    pixel_scale_arcsec: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return offsets in pixels as offsets to the east and north; NaN where the orientation is unknown.

    Parameters
    ----------
    north_deg, east_left : shape (n,)
        Angle of north from the upward direction, counter-clockwise, and 1 where east lies counter-clockwise
        of north, as on the sky, else 0.
    """
    sin, cos = np.sin(np.radians(north_deg)), np.cos(np.radians(north_deg))
    sign = np.where(east_left > 0.0, 1.0, -1.0)
    east = sign * (-cos * right - sin * up)
    return east * pixel_scale_arcsec, (-sin * right + cos * up) * pixel_scale_arcsec


def corners(finds: Finds, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first column and row of the cutout around each object."""
    x, y = (
        np.rint(centre - (size - 1) / 2).astype(np.int64) for centre in (finds.objects.x, finds.objects.y)
    )
    return x, y


def select_objects(
    ws: Workspace, fields: Fields, finds: Finds, spec: FindObjectsSpec
) -> tuple[NDArray[np.int64], Counter[str]]:
    """Return which objects are kept, and how many are left out for which reason, the first that holds."""
    reason = why_left_out(ws, fields, finds, spec)
    return np.flatnonzero(reason == ""), count_reasons(reason)


def count_reasons(reason: NDArray[np.object_]) -> Counter[str]:
    """Return how many objects are left out for which reason, in the order of LEFT_OUT."""
    counts = Counter(str(word) for word in reason if word)
    return Counter({name: counts[name] for name in LEFT_OUT if counts[name]})


def why_left_out(ws: Workspace, fields: Fields, finds: Finds, spec: FindObjectsSpec) -> NDArray[np.object_]:
    """Return why each object is left out, the first reason that holds; empty where it is kept."""
    reason = np.full(len(finds.objects), "", object)
    for name, hit in _reasons(ws, fields, finds, spec):
        reason[(reason == "") & hit] = name
    kept = np.flatnonzero(reason == "")
    if spec.limit is not None and len(kept) > spec.limit:
        drawn = np.sort(np.random.default_rng(spec.seed).choice(kept, spec.limit, replace=False))
        reason[np.setdiff1d(kept, drawn)] = "limit"
    return reason


def _reasons(
    ws: Workspace, fields: Fields, finds: Finds, spec: FindObjectsSpec
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    objects, source = finds.objects, fields.source
    yield "failed", ~((objects.half_light_radius > 0.0) & np.isfinite(finds.snr))
    yield "faint", finds.snr < spec.snr
    if not (spec.brightest_mag is None and spec.faintest_mag is None):
        mag = magnitudes(objects.flux[:, fields.band])
        low = -np.inf if spec.brightest_mag is None else spec.brightest_mag
        high = np.inf if spec.faintest_mag is None else spec.faintest_mag
        yield "magnitude", ~((mag >= low) & (mag <= high))
    if spec.keep == "galaxies":
        yield "star", finds.likeness >= STAR
    if spec.keep == "stars":
        yield "galaxy", finds.likeness < STAR
    distance = np.hypot(objects.x - (source.width - 1) / 2, objects.y - (source.height - 1) / 2)
    yield "target", distance * fields.pixel_scale_arcsec < spec.exclude_radius_arcsec
    known = load_known_lenses(spec.known_lenses) if spec.known_lenses else kept_known_lenses(ws)
    if known is not None:
        names, _ = match_known(finds.ra_deg, finds.dec_deg, known, radius_arcsec=spec.exclude_radius_arcsec)
        yield "known lens", names != ""
    if spec.edges == "refuse":
        x, y = corners(finds, spec.size)
        yield (
            "edge",
            (x < 0) | (y < 0) | (x + spec.size > source.width) | (y + spec.size > source.height),
        )


def reasons_in_words(reasons: Mapping[str, int], *, write: Callable[[int], str] = str) -> str:
    """Return how many objects are left out for which reason: "79 are below the least S/N; 3 …"."""
    return "; ".join(f"{write(count)} {LEFT_OUT.get(reason, reason)}" for reason, count in reasons.items())


def why_one_is_left_out(reason: str) -> str:
    """Return why a single object is left out: "below the least S/N"."""
    words = LEFT_OUT.get(reason, reason).replace("are, or touch,", "is, or touches,")
    return words.removeprefix("are ").removeprefix("lie ")


def left_out_sentence(count: int, detected: int, reason: str) -> str:
    """Return how many of the objects detected are left out for one of the reasons, as a sentence."""
    return f"{count} of {detected} objects {LEFT_OUT.get(reason, reason)}."


def magnitudes(flux: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return AB magnitudes of calibrated flux; NaN where it is not positive."""
    positive = np.where(flux > 0.0, flux, np.nan)
    return np.asarray(REFERENCE_ZERO_POINT_MAG - 2.5 * np.log10(positive), np.float64)
