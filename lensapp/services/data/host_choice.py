"""The galaxies that lenses are painted on: chosen by columns, colour and size, with their masses."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.brightness import in_range_of, where_known
from lensapp.core.data.column_names import column_label
from lensapp.core.data.paint_spec import BEST_FIT, PaintSpec
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.once import once
from lensapp.core.sampling import evenly_spread
from lensapp.services.data.magnitudes import magnitude_name
from lensapp.simulation.host_galaxies import (
    Artefacts,
    HostShapes,
    Masses,
    colour_errors,
    find_artefacts,
    magnitudes_of,
    masses_of,
    measure_hosts,
    red_galaxies,
    reference_band,
)
from lensapp.simulation.injection import USUAL_PIXEL_SCALE_ARCSEC, Survey, painted_side
from lensapp.simulation.sky_model import above_sky, evenly_taken, measure_sky, middle_of
from lensapp.simulation.star_psf import unit_kernels
from lensapp.storage import sources
from lensapp.storage.columns.filtering import kept_by
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.cutouts import kept_noise, open_cutouts
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

Rows = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Pixels = NDArray[np.float32]

LENS, NONLENS = "lens", "nonlens"
PSF_PLANE, LEAST_PSF_PIXELS = "PSF", 5
SKY_IMAGES, SKY_PIXELS, MOST_MEASURED = 200, 200 * 128**2, 40_000
AT_ONCE, PIXELS_AT_ONCE = 128, 128**3
MOST_MASKED = 0.02
UNMARKED = "without trails or bad columns"
CLEAN = "without bright stars or edges"  # nor a noise that stands out
ON_SEQUENCE = "on the red sequence"  # which is asked where colours tell the redshift
WHOLE = "with at most 2 % of pixels masked"  # a cut, by which it is told how many are left
REDSHIFT_COLUMNS = (
    "redshift", "z_spec", "zspec", "z_phot", "zphot", "photo_z", "photoz", "z_best", "z_photo", "z",
)  # fmt: skip
DISPERSION_COLUMNS = ("velocity_dispersion_km_s", "velocity_dispersion", "vdisp", "sigma_v", "veldisp")
SIZE_COLUMNS = ("half_light_radius_arcsec",)
MAGNITUDE_COLUMNS = ("mag_{}", "magnitude_{}")


@dataclass(frozen=True, eq=False)
class Galaxies:
    """Cutouts of one or several sources, in the order of the sources and their rows; each field is (n,)."""

    source: Rows
    cutout_id: Rows
    row: Rows

    def of(self, rows: NDArray[Any] | slice) -> "Galaxies":
        """Return some of them."""
        return Galaxies(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, eq=False)
class HostSample:
    """What is known of the sources to paint on.

    Attributes
    ----------
    galaxies, magnitude, redshift, velocity_dispersion, scatter_dex
        The chosen hosts; NaN where unknown.
    others
        All other whole cutouts that are not labelled as lenses and fulfil the conditions on non-lenses.
    brightness, others_brightness
        Magnitudes of both in the column by which a split compares its classes, else in the reference band,
        of an unknown zero point where `survey` is not calibrated; NaN where no light is measured.
    magnitude_name
        What these are called.
    survey
        Bands, PSF, noise and unit.
    counts
        How many were left after each cut, by what the cut is.
    """

    sources: tuple[Source, ...]
    galaxies: Galaxies
    magnitude: FloatArray
    redshift: FloatArray
    velocity_dispersion: FloatArray
    scatter_dex: FloatArray
    others: Galaxies
    brightness: FloatArray
    others_brightness: FloatArray
    magnitude_name: str
    survey: Survey
    counts: dict[str, int] = field(default_factory=dict)


def host_sources(ws: Workspace, names: Sequence[str]) -> tuple[Source, ...]:
    """Return the sources to paint on.

    Raises
    ------
    InvalidInput, BandMismatch
        When one is unfinished, or they differ in bands, size or pixel scale.
    """
    found = tuple(sources.get_source(ws.database, name) for name in dict.fromkeys(names))
    first = found[0]
    for source in found:
        if source.state != sources.READY:
            raise InvalidInput(f"{source.name} is not finished. Choose hosts from finished sources.")
        if source.bands != first.bands:
            raise BandMismatch(
                f"{source.name} has the bands {', '.join(source.bands)}, {first.name} has "
                f"{', '.join(first.bands)}. Paint on sources with the same bands in the same order."
            )
        shape = (source.height, source.width, source.pixel_scale_arcsec)
        if shape != (first.height, first.width, first.pixel_scale_arcsec):
            raise InvalidInput(
                f"The cutouts of {source.name} and {first.name} differ in size or pixel scale. Paint on them "
                "one by one."
            )
    return found


def choose_hosts(
    ws: Workspace, spec: PaintSpec, *, psf: Pixels | None = None, most_measured: int = MOST_MEASURED
) -> HostSample:
    """Choose the hosts that a specification asks for and find out how massive they are.

    Columns of the catalogue go before what is measured on the pixels. Of very many candidates some are drawn.

    Parameters
    ----------
    psf
        Known PSFs (bands, k, k); default: the mean of those kept beside the cutouts, else measured on stars
        of the sources.

    Raises
    ------
    InvalidInput
        When a column does not exist or no host is left.
    """
    chosen = host_sources(ws, spec.hosts)
    pool, counts = _whole_galaxies(ws, chosen)
    if len(pool) > most_measured:
        drawn = np.random.default_rng([spec.seed, 3]).choice(len(pool), most_measured, replace=False)
        pool = pool.of(np.sort(drawn))
        counts["drawn of them at random"] = most_measured
    if psf is None and spec.psf_source is None:
        psf = kept_psf(ws, chosen[0], pool.row[pool.source == 0])
    stars = _star_fields(ws, spec, chosen) if psf is None else None
    survey = _measured_survey(ws, chosen, pool, psf=psf, stars=stars)
    columns = Columns(ws, chosen, pool)
    fitting = columns.that_fulfil(spec.choice.where)
    if spec.choice.where:
        counts[f"with {', '.join(spec.choice.where)}"] = int(fitting.sum())
    shapes, artefacts = _measured_hosts(ws, chosen, pool, survey)
    if spec.choice.unmarked:
        for what, spoilt in ((UNMARKED, artefacts.marked), (CLEAN, artefacts.unclean)):
            fitting &= ~spoilt
            counts[what] = int(fitting.sum())
    magnitudes = columns.magnitudes(survey.bands, shapes if survey.calibrated else None)
    at, magnitude = survey.reference, magnitudes[:, survey.reference]
    if np.isfinite(magnitude).any():
        fitting &= (magnitude >= spec.choice.brightest_mag) & (magnitude <= spec.choice.faintest_mag)
    counts["in the range of magnitudes"] = int(fitting.sum())
    fitting &= red_galaxies(
        magnitudes, shapes, fitting, bands=survey.bands, bluest_colour=spec.choice.bluest_colour
    )
    counts["red"] = int(fitting.sum())
    size = columns.first_of(SIZE_COLUMNS)
    size = np.where(np.isfinite(size), size, shapes.half_light_radius_arcsec)
    fitting &= size >= spec.choice.smallest_size * half_light_radius(survey)
    counts["extended"] = int(fitting.sum())
    masses = columns.masses(magnitudes, shapes, survey, spec)
    if masses.by_colour:
        fitting &= ~masses.off_sequence
        counts[ON_SEQUENCE] = int(fitting.sum())
    if not fitting.any():
        raise _no_hosts(spec, counts)
    name, bright = columns.compared(magnitude, shapes.flux[:, at], survey.bands[at])
    others = columns.that_fulfil(spec.nonlens_where) & ~fitting
    if spec.as_bright:
        others &= in_range_of(bright, bright[fitting])
    return HostSample(
        chosen, pool.of(fitting), magnitude[fitting], masses.redshift[fitting],
        masses.velocity_dispersion[fitting], masses.scatter_dex[fitting], pool.of(others),
        bright[fitting], bright[others], name, survey, counts,
    )  # fmt: skip


def _no_hosts(spec: PaintSpec, counts: dict[str, int]) -> InvalidInput:
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    return InvalidInput(
        f"No cutout of {', '.join(spec.hosts)} is a host as asked for ({told}). Widen the choice of hosts."
    )


def usual_hosts(ws: Workspace, ready: Sequence[Source], selected: str | None) -> str:
    """Return the name of the source that is painted on unless another is chosen.

    Of those whose galaxies are known to be no lenses, as objects found in larger images or labelled so, that
    is the one selected, else objects, else the newest. Unlabelled ones come after them, and before what is
    painted itself or nothing but lenses.
    """
    warned = {one.name: host_warning(ws, one) is not None for one in ready}
    unlabelled = {one.name: _is_unlabelled(ws, one) for one in ready}
    fitting = sorted(
        ready,
        key=lambda one: (
            warned[one.name] and not unlabelled[one.name],
            unlabelled[one.name],
            one.name != selected,
            one.kind != sources.OBJECTS,
        ),
    )
    return fitting[0].name


def host_warning(ws: Workspace, source: Source) -> str | None:
    """Return why the cutouts of a source make poor hosts, None where nothing speaks against them."""
    if source.kind == sources.PAINTED:
        return f"{source.name} is painted itself: arcs would be painted beside painted arcs."
    labels = _label_counts(ws, source.id)
    lenses, total = labels[LENS], labels.total()
    if total and 2 * lenses > total:
        return f"{lenses} of the {total} cutouts of {source.name} are labelled as lenses, which are left out."
    if _is_unlabelled(ws, source):
        left = total - labels[NONLENS] - lenses
        return (
            f"{left} of the {total} cutouts of {source.name} have no label, which does not mean that they "
            "are no lenses: arcs may be painted on real lenses, and real lenses be added as non-lenses."
        )
    return None


def _is_unlabelled(ws: Workspace, source: Source) -> bool:
    """Whether most galaxies of a source may be lenses: neither labelled nor objects of larger images."""
    if source.kind in (sources.OBJECTS, sources.PAINTED):
        return False
    labels = _label_counts(ws, source.id)
    return 2 * (labels[LENS] + labels[NONLENS]) < labels.total()


@once
def _label_counts(ws: Workspace, source_id: int) -> Counter[str | None]:
    return Counter(cutout_columns(ws, [source_id], columns=("label",))["label"].tolist())


def _measured_hosts(
    ws: Workspace, chosen: tuple[Source, ...], pool: Galaxies, survey: Survey
) -> tuple[HostShapes, Artefacts]:
    """Return flux, size and shape of galaxies, and what spoils their images, read some at a time."""
    scale, parts, found = survey.pixel_scale_arcsec, [], []
    at_once = min(AT_ONCE, max(1, PIXELS_AT_ONCE // (chosen[0].height * chosen[0].width)))
    for start in range(0, len(pool), at_once):
        pixels = read_pixels(ws, chosen, pool.of(np.arange(start, min(start + at_once, len(pool)))))
        light = middle_of(above_sky(pixels), painted_side(scale))
        parts.append(measure_hosts(light, reference=survey.reference, pixel_scale_arcsec=scale))
        found.append(
            find_artefacts(
                pixels, light, parts[-1],
                survey_noise=survey.sky.sigma, reference=survey.reference, pixel_scale_arcsec=scale,
            )
        )  # fmt: skip
    return HostShapes.joined(parts), Artefacts.joined(found)


def kept_psf(ws: Workspace, source: Source, rows: Rows) -> Pixels | None:
    """Return the mean PSF (bands, k, k) of those that a source keeps beside some of its cutouts.

    None where it keeps none, or none in one of the bands.
    """
    packed = open_cutouts(ws, source.name)
    word = next((plane.word for plane in packed.planes.values() if plane.kind == PSF_PLANE), None)
    if word is None:
        return None
    some = evenly_spread(len(rows), SKY_IMAGES)
    planes = np.moveaxis(packed.read_plane(word, rows[some]), -1, 1)
    kernels = unit_kernels(list(planes.reshape(-1, *planes.shape[2:]))).astype(np.float64)
    kernels = kernels.reshape(*planes.shape[:2], *kernels.shape[1:])
    known: NDArray[np.bool_] = np.isfinite(kernels).min(axis=(2, 3))
    if kernels.shape[-1] < LEAST_PSF_PIXELS or not known.any(0).all():
        return None
    mean = np.where(known[..., None, None], kernels, 0).sum(0) / known.sum(0)[:, None, None]
    return np.asarray(mean, np.float32)


def _whole_galaxies(ws: Workspace, chosen: Sequence[Source]) -> tuple[Galaxies, dict[str, int]]:
    """Return the cutouts that are neither labelled as lenses nor masked in more than a few pixels.

    With them goes how many cutouts were left after either.
    """
    parts = []
    counts = {"in the sources": 0, "not labelled as lenses": 0, WHOLE: 0}
    for number, source in enumerate(chosen):
        found = cutout_columns(ws, [source.id], columns=("id", "row", "label", "masked_fraction"))
        unlensed = found["label"] != LENS
        kept = unlensed & (found["masked_fraction"] <= MOST_MASKED)
        for what, count in zip(counts, (len(kept), unlensed.sum(), kept.sum()), strict=True):
            counts[what] += int(count)
        own = np.full(int(kept.sum()), number, np.int64)
        parts.append((own, found["id"][kept], found["row"][kept]))
    galaxies = Galaxies(*(np.concatenate(one).astype(np.int64) for one in zip(*parts, strict=True)))
    if not len(galaxies):
        raise InvalidInput("All cutouts are labelled as lenses or have masked pixels: there is no host.")
    return galaxies, counts


def read_pixels(ws: Workspace, chosen: Sequence[Source], galaxies: Galaxies) -> Pixels:
    """Read galaxies in flux of AB zero point 25 where its unit is known: (n, y, x, bands)."""
    first = chosen[0]
    pixels = np.empty((len(galaxies), first.height, first.width, len(first.bands)), np.float32)
    for number in np.unique(galaxies.source).tolist():
        members = galaxies.source == number
        packed = open_cutouts(ws, chosen[number].name, calibrated=True)
        pixels[members] = packed.read(galaxies.row[members])
    return pixels


def _measured_survey(
    ws: Workspace, chosen: tuple[Source, ...], pool: Galaxies, *, psf: Pixels | None, stars: Pixels | None
) -> Survey:
    """Measure noise, PSF and gain on some cutouts, the PSF on images with `stars` where they show any."""
    scale = chosen[0].pixel_scale_arcsec or USUAL_PIXEL_SCALE_ARCSEC
    pixels = chosen[0].height * chosen[0].width
    sample = pool.of(evenly_taken(len(pool), pixels, most=SKY_IMAGES, most_pixels=SKY_PIXELS))
    noise = np.empty((len(sample), len(chosen[0].bands)))
    for number in np.unique(sample.source).tolist():
        packed, members = open_cutouts(ws, chosen[number].name, calibrated=True), sample.source == number
        noise[members] = kept_noise(packed, sample.row[members])
    sky = measure_sky(read_pixels(ws, chosen, sample), pixel_scale_arcsec=scale, psf=psf, noise=noise)
    if stars is not None:
        field_sky = measure_sky(stars, pixel_scale_arcsec=scale)
        if (field_sky.stars > 0).all():
            sky = replace(
                sky, psf=field_sky.psf, psf_fwhm_arcsec=field_sky.psf_fwhm_arcsec, stars=field_sky.stars
            )
    units = [open_cutouts(ws, source.name, calibrated=True).flux_scales is not None for source in chosen]
    if len(set(units)) > 1:
        raise InvalidInput(
            "The unit of flux of only some of the hosts' sources is known. Paint on them apart."
        )
    return Survey(chosen[0].bands, scale, sky, calibrated=all(units))


def _star_fields(ws: Workspace, spec: PaintSpec, chosen: Sequence[Source]) -> Pixels | None:
    """Read images with stars: of the source named, or those that the hosts were found in."""
    name = spec.psf_source or (chosen[0].spec.get("source") if chosen[0].kind == sources.OBJECTS else None)
    if name is None:
        return None
    fields_source = sources.get_source(ws.database, str(name))
    if (fields_source.bands, fields_source.pixel_scale_arcsec) != (
        chosen[0].bands,
        chosen[0].pixel_scale_arcsec,
    ):
        if spec.psf_source is None:
            return None
        raise BandMismatch(
            f"The source of stars {name} has other bands or another pixel scale than {chosen[0].name}. "
            "Choose one with the same."
        )
    rows = cutout_columns(ws, [fields_source.id], columns=("row",))["row"]
    pixels = fields_source.height * fields_source.width
    some = evenly_taken(len(rows), pixels, most=SKY_IMAGES, most_pixels=SKY_PIXELS)
    return open_cutouts(ws, fields_source.name, calibrated=True).read(rows[some])


@dataclass(frozen=True, eq=False)
class Columns:
    """The catalogue columns of some galaxies, read when asked for."""

    ws: Workspace
    sources: tuple[Source, ...]
    galaxies: Galaxies

    def values(self, name: str) -> FloatArray:
        """Return one column (n,), NaN where it is unknown."""
        read = []
        for number, source in enumerate(self.sources):
            rows = cutout_columns(self.ws, [source.id], columns=("row",))["row"]
            column = sources.property_column(self.ws.database, [source.id], name)
            own = self.galaxies.row[self.galaxies.source == number]
            read.append(column[np.searchsorted(rows, own)])
        return np.concatenate(read)

    def first_of(self, names: Sequence[str]) -> FloatArray:
        """Return the first of some columns that any galaxy has, or unknown values."""
        for name in names:
            if np.isfinite(values := self.values(name)).any():
                return values
        return np.full(len(self.galaxies), np.nan)

    def required(self, name: str) -> FloatArray:
        """Return a column that the user named, or raise InvalidInput."""
        values = self.values(name)
        if not np.isfinite(values).any():
            first = sources.get_cutouts(self.ws.database, self.galaxies.cutout_id[:1].tolist())
            there = [key for key, value in first[0].properties.items() if isinstance(value, int | float)]
            raise InvalidInput(
                f"The hosts have no numbers in a column {name!r}; they have "
                f"{', '.join(there[:20]) or 'none'}. Name one of these."
            )
        return values

    def that_fulfil(self, where: Sequence[str]) -> NDArray[np.bool_]:
        """Return which galaxies fulfil all conditions (n,)."""
        kept = np.ones(len(self.galaxies), np.bool_)
        for text in where:
            kept &= kept_by(self.ws, self.sources, text, ids=self.galaxies.cutout_id)
        return kept

    def magnitudes(self, bands: Sequence[str], shapes: HostShapes | None) -> FloatArray:
        """Return AB magnitudes (n, bands) from columns, else from what was measured, else NaN.

        Colours are those within 1.5 arcsec, where the signal is.
        """
        listed = np.stack(
            [self.first_of([pattern.format(band) for pattern in MAGNITUDE_COLUMNS]) for band in bands],
            axis=-1,
        )
        if shapes is None:
            return listed
        reference = reference_band(bands)
        core = magnitudes_of(shapes.core)
        total = magnitudes_of(shapes.flux[:, reference])
        measured = core + (total - core[:, reference])[:, None]
        whole = np.isfinite(listed).all(1, keepdims=True)  # columns and pixels are not mixed in one colour
        return np.where(whole, listed, measured)

    def compared(self, magnitude: FloatArray, flux: FloatArray, band: str) -> tuple[str, FloatArray]:
        """Return by which magnitudes (n,) a split compares classes, and their name; else those of a band."""
        name = magnitude_name(self.ws, [one.id for one in self.sources])
        if name is not None and np.isfinite(listed := where_known(self.values(name))).any():
            return column_label(name), listed
        if np.isfinite(magnitude).any():
            return f"magnitude in {band}", magnitude
        return f"magnitude in {band} (zero point unknown)", magnitudes_of(flux)

    def masses(self, magnitudes: FloatArray, shapes: HostShapes, survey: Survey, spec: PaintSpec) -> Masses:
        """Return how far and how massive the galaxies are, by columns, else by colours and light."""
        mass = spec.mass
        named = mass.redshift_column
        redshift = self.required(named) if named else self.first_of(REDSHIFT_COLUMNS)
        named = mass.velocity_dispersion_column
        measured = self.required(named) if named else self.first_of(DISPERSION_COLUMNS)
        return masses_of(
            magnitudes, survey.bands,
            errors=colour_errors(shapes.core, survey.sky, pixel_scale_arcsec=survey.pixel_scale_arcsec),
            redshift=np.where(redshift > 0, redshift, np.nan),
            dispersion=np.where(measured > 0, measured, np.nan),
            best_fit=mass.redshift_method == BEST_FIT,
        )  # fmt: skip


def half_light_radius(survey: Survey) -> float:
    """Return the half-light radius (arcsec) of a star in the reference band."""
    kernel = survey.sky.psf[survey.reference].astype(np.float64)
    star = measure_hosts(kernel[None, :, :, None], reference=0, pixel_scale_arcsec=survey.pixel_scale_arcsec)
    return float(star.half_light_radius_arcsec[0])
