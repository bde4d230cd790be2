"""What a painting would give, tried on a few hosts, as columns and as pictures; nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.core.brightness import Brightness, compared, nonlenses_beside
from lensapp.core.data import imaging
from lensapp.core.data.paint_spec import BEST_FIT, PaintSpec
from lensapp.services.data.host_choice import CLEAN, ON_SEQUENCE, UNMARKED, WHOLE
from lensapp.services.data.painting import (
    BLOCK_SIZE,
    flux_scales,
    make_plan,
    painted_pixels,
    parts_of,
)
from lensapp.services.data.pictures import source_levels
from lensapp.simulation.deflectors import DISPERSION_RANGE_KM_S
from lensapp.simulation.host_galaxies import FARTHEST_HOST, POSTERIOR_REDSHIFTS
from lensapp.simulation.injection import painted_side
from lensapp.simulation.sky_model import middle_of
from lensapp.storage import sources
from lensapp.storage.arrays import Packing
from lensapp.storage.workspace import Workspace

FloatArray = NDArray[np.float64]

LIMIT_FROM, PILED_UP = 0.99, 0.03  # of a limit; share of lenses there that is told of
ARTEFACTS = (UNMARKED, CLEAN)
GAP_SHARE = 24  # of the width of a host between it and what is painted on it
MOST_MEASURED, LENSES, PICTURES = 600, 3 * BLOCK_SIZE, 24


@dataclass(frozen=True, eq=False)
class PaintPreview:
    """A few lenses as a painting would make them.

    Attributes
    ----------
    columns
        What is true of them, each (n,), NaN where unknown.
    painted_flux, host_flux : float32, shape (n, y, x, bands)
        Pixels of some of them, and of their hosts before that.
    levels
        By which they are drawn.
    middle_of
        Height and width of the cutouts where the pictures show their middle only, else None.
    counts
        How many cutouts were left after each cut, of those that were tried.
    calibrated
        Whether the unit of the hosts' flux is known.
    psf_fwhm_arcsec, psf_stars
        Width of the PSF in each band, and on how many stars it was measured.
    hosts
        How many galaxies can be painted on; None where only some of the cutouts were tried.
    nonlenses
        How many non-lenses there can be; None where only some of the cutouts were tried.
    brightness, others_brightness
        Magnitudes of the hosts and of the other non-lenses, as `HostSample` has them.
    painted
        The host of each lens.
    magnitude_name
        What these are called.
    """

    columns: dict[str, FloatArray]
    painted_flux: NDArray[np.float32]
    host_flux: NDArray[np.float32]
    levels: imaging.Levels
    middle_of: tuple[int, int] | None
    counts: dict[str, int]
    calibrated: bool
    bands: tuple[str, ...]
    psf_fwhm_arcsec: tuple[float, ...]
    psf_stars: tuple[int, ...]
    hosts: int | None
    nonlenses: int | None
    brightness: FloatArray
    others_brightness: FloatArray
    painted: NDArray[np.int64]
    magnitude_name: str

    def pictures(self, stretch: str | None = None, *, beside_host: bool = False) -> NDArray[np.uint8]:
        """Return pictures (n, row, column, 3), each right of its host where asked for, of one brightness."""
        display = imaging.usual_display(self.levels)
        if stretch is not None:
            display = display.replaced(stretch=stretch)
        flux = self.painted_flux
        if beside_host:
            flux = np.concatenate([self.host_flux, flux], axis=2)
        drawn = imaging.render(flux, bands=self.bands, stretch=display, levels=self.levels)
        if not beside_host:
            return drawn
        width = self.host_flux.shape[2]
        gap = np.full((*drawn.shape[:2], max(1, width // GAP_SHARE), 3), imaging.MASKED_RGB, np.uint8)
        return np.concatenate([drawn[:, :, :width], gap, drawn[:, :, width:]], axis=2)

    @property
    def stretches(self) -> dict[str, str]:
        """The stretches that its pictures may have, and what they are called; the usual one comes first."""
        usual = imaging.usual_display(self.levels).stretch
        offered = {name: words for name, words in imaging.STRETCHES.items() if name != "given"}
        return {usual: imaging.STRETCHES[usual]} | offered

    @property
    def left_out(self) -> int:
        """How many galaxies were left out because of artefacts."""
        return sum(self._lost_by(what) for what in ARTEFACTS)

    @property
    def off_sequence(self) -> tuple[int, int]:
        """How many galaxies were left out as none of the red sequence, and of how many."""
        lost = self._lost_by(ON_SEQUENCE)
        return lost, lost + self.counts.get(ON_SEQUENCE, 0)

    def _lost_by(self, cut: str) -> int:
        before = dict(zip([*self.counts][1:], self.counts.values(), strict=False))
        return before[cut] - self.counts[cut] if cut in before else 0


def doubts_in_words(columns: Mapping[str, FloatArray], *, redshift_method: str) -> str:
    """Return where lenses of a preview pile up at a limit, or arcs outshine hosts, and what to change."""
    told = []
    farthest = FARTHEST_HOST if redshift_method == BEST_FIT else float(POSTERIOR_REDSHIFTS[-1])
    of_limits = (
        ("redshift", farthest, "the largest z lens that colours tell", "*Column of redshifts* (Lenses)"),
        (
            "velocity_dispersion_km_s", DISPERSION_RANGE_KM_S[1], "the largest σ (km/s) allowed",
            "*Column of velocity dispersions* (Lenses) or a fainter *Brightest (mag)* (Hosts)",
        ),
    )  # fmt: skip
    for name, limit, what, remedy in of_limits:
        values = columns.get(name, np.empty(0))
        share = float(np.mean((values >= LIMIT_FROM * limit) & (values <= limit))) if len(values) else 0.0
        if share >= PILED_UP:
            told.append(f"{100 * share:.0f} % have {what}, {limit:g} (give a {remedy})")
    ratio = columns.get("arc_to_host_flux", np.empty(0))
    brighter = int(np.count_nonzero(ratio > 1))
    if brighter >= PILED_UP * max(len(ratio), 1):
        told.append(
            f"{brighter} of {len(ratio)} have arcs that outshine their hosts (raise the lowest *Magnitude* "
            "of Sources, or lower the highest *S/N of the arcs*)"
        )
    return f"Lenses to doubt: {'; '.join(told)}." if told else ""


@dataclass(frozen=True)
class NonlensesPreviewed:
    """How bright the painted hosts of a painting are, and its non-lenses; None where unknown.

    `count` is how many of the latter there can be, None where only some of the cutouts were tried.
    """

    brightness: Brightness | None
    count: int | None


def nonlenses_of(preview: PaintPreview, spec: PaintSpec) -> NonlensesPreviewed:
    """Return what a painting would put beside its lenses.

    Of a preview that tried some of the cutouts only, as many are taken as are their share.
    """
    hosts, others = preview.brightness, preview.others_brightness
    share = min(1.0, MOST_MEASURED / max(preview.counts[WHOLE], 1))
    chosen = nonlenses_beside(
        np.random.default_rng(spec.seed), hosts, others, painted=preview.painted,
        wanted=round(share * spec.nonlens_ratio * spec.count), host_share=spec.host_share,
        alike=spec.as_bright,
    )  # fmt: skip
    both = compared(hosts[preview.painted], np.concatenate([hosts[chosen[0]], others[chosen[1]]]))
    return NonlensesPreviewed(both, None if preview.nonlenses is None else sum(map(len, chosen)))


def most_nonlenses(preview: PaintPreview, spec: PaintSpec) -> int | None:
    """Return how many non-lenses at most, up to those asked for, a painting has where it asks for no more.

    Of those as bright as the hosts there are the fewer the more are asked for beyond that. None where only
    some of the cutouts were tried.
    """
    if preview.nonlenses is None or not spec.as_bright:
        return preview.nonlenses
    wanted = min(preview.nonlenses, round(spec.nonlens_ratio * spec.count))
    while wanted:
        have = nonlenses_of(preview, spec.replaced(nonlens_ratio=wanted / spec.count)).count
        if have is None or have >= wanted:
            break
        wanted = have
    return wanted


def previewed(spec: PaintSpec) -> PaintSpec:
    """Return a specification with all that its preview depends on: specifications that share one are equal.

    A preview is of a few lenses and of no non-lenses, however many of either are painted.
    """
    usual = PaintSpec.model_fields["host_share"].default
    return spec.replaced(count=LENSES, nonlens_ratio=0, host_share=usual)


def preview_painting(ws: Workspace, spec: PaintSpec) -> PaintPreview:
    """Paint a few lenses on some of the hosts.

    Raises
    ------
    InvalidInput, NotFound, BandMismatch
        Whatever would stop the painting.
    """
    read = (*spec.hosts, spec.psf_source, spec.source.stamps)
    ids = tuple(sources.get_source(ws.database, name).id for name in read if name is not None)
    return _painted(ws, previewed(spec), ids)


@lru_cache(maxsize=8)
def _painted(ws: Workspace, few: PaintSpec, _ids: tuple[int, ...]) -> PaintPreview:
    """Return the preview of a few lenses on sources with these numbers, which a later namesake has not."""
    plan = make_plan(ws, few, most_measured=MOST_MEASURED)
    first, survey = plan.sample.sources[0], plan.sample.survey
    packing = Packing.plan(slots=LENSES, height=first.height, width=first.width, bands=first.bands)
    parts = parts_of(ws, plan, few, folder=Path(), packing=packing)
    pixels, truth = painted_pixels(parts[0])
    for part in parts[1:]:  # of which only what is true of them is kept
        truth += painted_pixels(part)[1]
    names = dict.fromkeys(name for values in truth for name in values)
    tried = plan.sample.counts[WHOLE]
    bare = painted_pixels(replace(parts[0], lens=np.full_like(parts[0].lens, -1)))[0]
    side, factors = painted_side(survey.pixel_scale_arcsec), flux_scales(ws, plan, PICTURES)[:, None, None, :]
    painted, hosts = (middle_of(one[:PICTURES], side) * factors for one in (pixels, bare))
    size = (first.height, first.width)
    return PaintPreview(
        columns={name: np.array([values.get(name, np.nan) for values in truth]) for name in names},
        painted_flux=painted,
        host_flux=hosts,
        levels=source_levels(ws, first),
        middle_of=None if painted.shape[1:3] == size else size,
        counts=plan.sample.counts,
        calibrated=survey.calibrated,
        bands=survey.bands,
        psf_fwhm_arcsec=tuple(survey.sky.psf_fwhm_arcsec.tolist()),
        psf_stars=tuple(survey.sky.stars.tolist()),
        hosts=None if tried >= MOST_MEASURED else len(plan.sample.galaxies),
        nonlenses=None if tried >= MOST_MEASURED else len(plan.sample.galaxies) + len(plan.sample.others),
        brightness=plan.sample.brightness,
        others_brightness=plan.sample.others_brightness,
        painted=plan.lenses.host,
        magnitude_name=plan.sample.magnitude_name,
    )
