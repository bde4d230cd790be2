"""What the surveys are that can be simulated: bands, depth, seeing, pixels and zero points, as published.

The plain survey is this project's own, somewhere between Pan-STARRS1 and the Dark Energy Survey. Every
number of the others stands below its source; what no paper gives is said to be measured or assumed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lensapp.simulation.psf import noise_equivalent_area

SurveyName = Literal["plain", "ps1", "legacy", "hsc", "des", "lsst", "euclid"]
BandName = Literal["u", "g", "r", "i", "z", "y", "VIS", "Y", "J", "H"]

ZERO_POINT_MAG = 27.0  # AB, of the counts in which every survey is drawn


@dataclass(frozen=True)
class NumberSource:
    """Where some numbers come from.

    Attributes
    ----------
    numbers
        Names of fields of a survey or its bands, or of constants.
    source
        Paper and table; "measured" or "assumed" where there is none.
    checked
        In what published text they were read again, empty where they could not be.
    """

    numbers: tuple[str, ...]
    source: str
    checked: str = ""


@dataclass(frozen=True)
class BandProperties:
    """Typical conditions in one band.

    Attributes
    ----------
    depth_mag
        A point source of this AB magnitude has a signal-to-noise ratio of 5.
    zero_point_mag
        AB magnitude of one unit of the stored pixels.
    detector_pixel_arcsec
        Width of the detector's pixels, from which stacks are resampled.
    """

    seeing_arcsec: float
    depth_mag: float
    sky_mag_per_arcsec2: float
    zero_point_mag: float = ZERO_POINT_MAG
    detector_pixel_arcsec: float = 0.25


@dataclass(frozen=True)
class SurveyProperties:
    """A survey: its bands, and what differs from cutout to cutout.

    Attributes
    ----------
    size_pixels
        Width of a cutout, unless another is asked for.
    supersampling
        Points per pixel side at which light is drawn.
    faintest_target_mag
        Total i magnitude to which objects are cut out.
    faintest_neighbour_mag
        i magnitude to which other objects are drawn around them.
    seeing_scatter, depth_scatter_mag, psf_ellipticity
        Standard deviations: of the natural logarithm, in magnitudes, of each component.
    moffat_beta
        Range of the exponents of the PSF's wings.
    sky_residual
        Standard deviations of offset and gradients that sky subtraction leaves, in units of the sky noise.
    turning_camera
        Whether exposures lie at all angles to the pixels of the stack.
    published
        Whether objects follow the velocity dispersion function and images the published stacks.
    sources
        Where each number comes from.
    """

    title: str
    bands: Mapping[str, BandProperties]
    pixel_scale_arcsec: float
    size_pixels: int
    supersampling: int = 3
    faintest_target_mag: float = 22.0
    faintest_neighbour_mag: float = 24.8
    seeing_scatter: float = 0.06
    depth_scatter_mag: float = 0.12
    psf_ellipticity: float = 0.015
    moffat_beta: tuple[float, float] = (3.5, 3.5)
    sky_residual: tuple[float, float] = (0.15, 0.08)
    turning_camera: bool = False
    published: bool = True
    sources: tuple[NumberSource, ...] = ()

    @property
    def least_einstein_arcsec(self) -> float:
        """Smallest Einstein radius that the survey resolves: half the best seeing, and three pixels.

        References
        ----------
        Collett 2015, ApJ 811, 20, section 4 (images and counter-images apart by the seeing).
        """
        best = min(band.seeing_arcsec for band in self.bands.values())
        return max(best / 2, 3 * self.pixel_scale_arcsec)


def point_source_depth(magnitude: float, *, seeing_arcsec: float, aperture_arcsec: float) -> float:
    """Return the 5σ depth of point sources where an aperture (its diameter) has S/N 10 at `magnitude`."""
    aperture = np.pi * aperture_arcsec**2 / 4
    gain = 2 * np.sqrt(aperture / noise_equivalent_area(np.array(seeing_arcsec)))
    return magnitude + 2.5 * float(np.log10(gain))


OWN_CHOICE = NumberSource(
    ("size_pixels", "supersampling", "faintest_target_mag", "faintest_neighbour_mag"), "our choice"
)
ASSUMED = NumberSource(
    ("seeing_scatter", "depth_scatter_mag", "psf_ellipticity", "moffat_beta", "sky_residual"), "assumed"
)
IVEZIC = "Ivezić et al. 2019, ApJ 873, 111, table 2"
IVEZIC_CHECKED = "copies of rows 1, 3 and 5 of the table in public code"
CERRO_PACHON = NumberSource(
    ("sky_mag_per_arcsec2",), f"stands in: dark sky at Cerro Pachón, {IVEZIC}", IVEZIC_CHECKED
)

# The stacks of all of these are resampled by Lanczos kernels of order 3: Waters et al. 2020, ApJS 251, 4
# (Pan-STARRS1), Dey et al. 2019 (Legacy), Morganson et al. 2018, PASP 130, 074501 (DES, by SWarp), Bosch et
# al. 2018, PASJ 70, S5 (HSC and Rubin), by SWarp in Euclid, too.

# The plain survey. Arcs of the known lenses are seen in it, not all of them well.
PLAIN = SurveyProperties(
    title="The app's own plain survey, u g r i z y",
    bands={
        "u": BandProperties(1.10, 23.4, 22.8),
        "g": BandProperties(1.05, 24.2, 22.1),
        "r": BandProperties(0.95, 23.9, 21.1),
        "i": BandProperties(0.88, 23.5, 20.1),
        "z": BandProperties(0.86, 22.7, 18.9),
        "y": BandProperties(0.84, 21.6, 17.9),
    },
    pixel_scale_arcsec=0.25,
    size_pixels=64,
    published=False,
)

# Pan-STARRS1 3π stacks. Seeing and depth: Chambers et al. 2016, arXiv:1612.05560, abstract and table 11 (the
# depth is the mean of 5σ point sources in the stacks); sky: Tonry et al. 2012, ApJ 750, 99; pixels of 0.257″
# warped to 0.25″, counts of stacks divided by their exposure time have zero point 25: Waters et al. 2020,
# ApJS 251, 4. Scatter of depth, PSF and sky residuals: measured on the stacks of docs/realism.md.
PS1 = SurveyProperties(
    title="Pan-STARRS1 3π stacks, g r i z y",
    bands={
        "g": BandProperties(1.31, 23.3, 21.92, 25.0, 0.257),
        "r": BandProperties(1.19, 23.2, 20.83, 25.0, 0.257),
        "i": BandProperties(1.11, 23.1, 19.79, 25.0, 0.257),
        "z": BandProperties(1.07, 22.3, 19.24, 25.0, 0.257),
        "y": BandProperties(1.02, 21.4, 18.24, 25.0, 0.257),
    },
    pixel_scale_arcsec=0.25,
    size_pixels=64,
    faintest_target_mag=22.0,
    faintest_neighbour_mag=24.0,
    seeing_scatter=0.08,
    depth_scatter_mag=0.20,
    psf_ellipticity=0.015,
    moffat_beta=(2.6, 4.2),
    sky_residual=(0.10, 0.035),
    turning_camera=True,
    sources=(
        NumberSource(("depth_mag",), "Chambers et al. 2016, arXiv:1612.05560, abstract", "the abstract"),
        NumberSource(
            ("seeing_arcsec",),
            "Chambers et al. 2016, arXiv:1612.05560, table 11",
            "quotations in public code",
        ),
        NumberSource(("sky_mag_per_arcsec2",), "Tonry et al. 2012, ApJ 750, 99"),
        NumberSource(
            ("zero_point_mag", "pixel_scale_arcsec", "detector_pixel_arcsec", "turning_camera"),
            "Waters et al. 2020, ApJS 251, 4",
            "headers of released stacks (zero point, pixels)",
        ),
        NumberSource(ASSUMED.numbers, "measured on the stacks of docs/realism.md", "docs/realism.md"),
        OWN_CHOICE,
    ),
)

# DECaLS part of the DESI Legacy Surveys. Seeing, depth that the survey was planned for (5σ point sources),
# pixels of 0.262″ and nanomaggies (zero point 22.5): Dey et al. 2019, AJ 157, 168. Sky: that of Cerro Pachón
# (see LSST), on the same ridge. Sky residuals, scatter and PSF shape: assumed like those measured on PS1.
LEGACY = SurveyProperties(
    title="DESI Legacy Surveys (DECaLS), g r z",
    bands={
        "g": BandProperties(1.29, 24.7, 22.26, 22.5, 0.262),
        "r": BandProperties(1.18, 23.9, 21.20, 22.5, 0.262),
        "z": BandProperties(1.11, 23.0, 19.60, 22.5, 0.262),
    },
    pixel_scale_arcsec=0.262,
    size_pixels=64,
    faintest_neighbour_mag=24.8,
    seeing_scatter=0.10,
    depth_scatter_mag=0.15,
    psf_ellipticity=0.025,
    moffat_beta=(2.6, 4.2),
    sky_residual=(0.10, 0.035),
    sources=(
        NumberSource(
            ("depth_mag",), "Dey et al. 2019, AJ 157, 168", "the survey's page at NOIRLab's Astro Data Lab"
        ),
        NumberSource(("seeing_arcsec",), "Dey et al. 2019, AJ 157, 168"),
        NumberSource(
            ("zero_point_mag", "pixel_scale_arcsec", "detector_pixel_arcsec"),
            "Dey et al. 2019, AJ 157, 168",
            "public code that reads the survey's stacks",
        ),
        NumberSource(("turning_camera",), "Dey et al. 2019, AJ 157, 168"),
        CERRO_PACHON,
        ASSUMED,
        OWN_CHOICE,
    ),
)

# Hyper Suprime-Cam Subaru Strategic Program, Wide. Median seeing and 5σ depth of point sources: Aihara et al.
# 2022, PASJ 74, 247, table 2; pixels of 0.168″ and zero point 27 (FLUXMAG0 6.31e10): Aihara et al. 2018, PASJ
# 70, S8. Sky: Cerro Pachón's (see LSST) stands for Maunakea's. Scatter and residuals: assumed.
HSC = SurveyProperties(
    title="Hyper Suprime-Cam SSP Wide, g r i z y",
    bands={
        "g": BandProperties(0.79, 26.5, 22.26, 27.0, 0.168),
        "r": BandProperties(0.75, 26.5, 21.20, 27.0, 0.168),
        "i": BandProperties(0.61, 26.2, 20.48, 27.0, 0.168),
        "z": BandProperties(0.68, 25.2, 19.60, 27.0, 0.168),
        "y": BandProperties(0.68, 24.4, 18.61, 27.0, 0.168),
    },
    pixel_scale_arcsec=0.168,
    size_pixels=72,
    supersampling=2,
    faintest_target_mag=22.5,
    faintest_neighbour_mag=25.5,
    seeing_scatter=0.10,
    depth_scatter_mag=0.15,
    psf_ellipticity=0.02,
    moffat_beta=(2.6, 4.2),
    sky_residual=(0.08, 0.04),
    sources=(
        NumberSource(("depth_mag", "seeing_arcsec"), "Aihara et al. 2022, PASJ 74, 247, table 2"),
        NumberSource(
            ("zero_point_mag", "pixel_scale_arcsec", "detector_pixel_arcsec", "turning_camera"),
            "Aihara et al. 2018, PASJ 70, S8",
            "the card of a public set of PDR3 cutouts (pixels, zero point)",
        ),
        CERRO_PACHON,
        ASSUMED,
        OWN_CHOICE,
    ),
)

# Dark Energy Survey, coadds of six years. Seeing and depth (aperture of 1.95″ at S/N 10: 24.7, 24.4, 23.8,
# 23.1, 21.7; as 5σ of point sources by `point_source_depth`), pixels of 0.263″, zero point 30: Abbott et al.
# 2021, ApJS 255, 20. Sky: Cerro Pachón's (see LSST). Scatter and residuals: assumed.
DES = SurveyProperties(
    title="Dark Energy Survey DR2, g r i z Y",
    bands={
        name: BandProperties(
            seeing, point_source_depth(depth, seeing_arcsec=seeing, aperture_arcsec=1.95), sky, 30.0, 0.263
        )
        for name, seeing, depth, sky in (
            ("g", 1.11, 24.7, 22.26),
            ("r", 0.95, 24.4, 21.20),
            ("i", 0.88, 23.8, 20.48),
            ("z", 0.83, 23.1, 19.60),
            ("Y", 0.90, 21.7, 18.61),
        )
    },
    pixel_scale_arcsec=0.263,
    size_pixels=64,
    faintest_neighbour_mag=24.8,
    seeing_scatter=0.08,
    depth_scatter_mag=0.15,
    psf_ellipticity=0.02,
    moffat_beta=(2.6, 4.2),
    sky_residual=(0.10, 0.035),
    sources=(
        NumberSource(
            ("depth_mag", "seeing_arcsec"), "Abbott et al. 2021, ApJS 255, 20, abstract", "the abstract"
        ),
        NumberSource(
            ("pixel_scale_arcsec", "detector_pixel_arcsec"),
            "Abbott et al. 2021, ApJS 255, 20",
            "lenstronomy's configuration of DES",
        ),
        NumberSource(("zero_point_mag", "turning_camera"), "Abbott et al. 2021, ApJS 255, 20"),
        CERRO_PACHON,
        ASSUMED,
        OWN_CHOICE,
    ),
)

# Rubin Observatory's Legacy Survey of Space and Time after ten years. Seeing (effective width), 5σ depth and
# dark sky at Cerro Pachón: Ivezić et al. 2019, ApJ 873, 111, table 2 and section 3; pixels of 0.2″; nJy
# (zero point 31.4): Rubin Data Products Definition Document LSE-163. Scatter and residuals: assumed.
LSST = SurveyProperties(
    title="Rubin LSST after ten years, u g r i z y",
    bands={
        "u": BandProperties(0.92, 26.1, 22.99, 31.4, 0.2),
        "g": BandProperties(0.87, 27.4, 22.26, 31.4, 0.2),
        "r": BandProperties(0.83, 27.5, 21.20, 31.4, 0.2),
        "i": BandProperties(0.80, 26.8, 20.48, 31.4, 0.2),
        "z": BandProperties(0.78, 26.1, 19.60, 31.4, 0.2),
        "y": BandProperties(0.76, 24.9, 18.61, 31.4, 0.2),
    },
    pixel_scale_arcsec=0.2,
    size_pixels=64,
    supersampling=2,
    faintest_target_mag=22.5,
    faintest_neighbour_mag=25.5,
    seeing_scatter=0.05,
    depth_scatter_mag=0.10,
    psf_ellipticity=0.015,
    moffat_beta=(2.6, 4.2),
    sky_residual=(0.05, 0.03),
    turning_camera=True,
    sources=(
        NumberSource(("depth_mag", "seeing_arcsec", "sky_mag_per_arcsec2"), IVEZIC, IVEZIC_CHECKED),
        NumberSource(
            ("pixel_scale_arcsec", "detector_pixel_arcsec"),
            "Ivezić et al. 2019, section 3",
            "lenstronomy's configuration of LSST",
        ),
        NumberSource(("turning_camera",), "Ivezić et al. 2019, section 3"),
        NumberSource(("zero_point_mag",), "pixels in nJy: LSE-163", "the definition of AB magnitudes"),
        ASSUMED,
        OWN_CHOICE,
    ),
)

# Euclid Wide Survey, mosaics of 0.1″. VIS: width 0.16″ and S/N 10 at 25.6 in apertures of 1.3″ (as 5σ of
# point sources by `point_source_depth`): Euclid Collaboration, McCracken et al. 2025, arXiv:2503.15303; the
# noise plane of a released cutout gives 25.63. NISP: 5σ of point sources and pixels of 0.3″: Scaramella et
# al. 2022, A&A 662, A112; width of the PSF in the mosaics and zero points (MAGZERO): a released Q1 cutout.
# Sky: zodiacal light near the ecliptic pole, Scaramella et al. 2022. Scatter and residuals: assumed.
EUCLID = SurveyProperties(
    title="Euclid Wide Survey, VIS Y J H",
    bands={
        "VIS": BandProperties(
            0.16, point_source_depth(25.6, seeing_arcsec=0.16, aperture_arcsec=1.3), 22.33, 24.6, 0.1
        ),
        "Y": BandProperties(0.37, 24.3, 22.10, 29.8, 0.3),
        "J": BandProperties(0.39, 24.5, 22.11, 30.0, 0.3),
        "H": BandProperties(0.47, 24.4, 22.28, 29.9, 0.3),
    },
    pixel_scale_arcsec=0.1,
    size_pixels=96,
    supersampling=2,
    faintest_target_mag=22.5,
    faintest_neighbour_mag=25.0,
    seeing_scatter=0.02,
    depth_scatter_mag=0.10,
    psf_ellipticity=0.03,
    moffat_beta=(2.5, 3.5),
    sky_residual=(0.08, 0.04),
    turning_camera=True,
    sources=(
        NumberSource(
            ("depth_mag", "seeing_arcsec"),
            "VIS: McCracken et al. 2025, arXiv:2503.15303; depth of NISP: Scaramella et al. 2022, A&A 662, "
            "A112; its PSF: a released Q1 cutout",
            "the abstract of the former, for VIS",
        ),
        NumberSource(("sky_mag_per_arcsec2",), "Scaramella et al. 2022, A&A 662, A112"),
        NumberSource(("zero_point_mag", "pixel_scale_arcsec"), "a released Q1 cutout", "its headers"),
        NumberSource(
            ("detector_pixel_arcsec",),
            "Scaramella et al. 2022, A&A 662, A112",
            "the instruments of the public code SurViZ",
        ),
        NumberSource(("turning_camera",), "Scaramella et al. 2022, A&A 662, A112"),
        ASSUMED,
        OWN_CHOICE,
    ),
)

SURVEYS: dict[str, SurveyProperties] = {
    "plain": PLAIN,
    "ps1": PS1,
    "legacy": LEGACY,
    "hsc": HSC,
    "des": DES,
    "lsst": LSST,
    "euclid": EUCLID,
}

GALAXIES = (
    NumberSource(
        ("DISPERSION_STAR_KM_S", "DISPERSION_ALPHA", "DISPERSION_BETA"),
        "Choi, Park & Vogeley 2007, ApJ 658, 884",
        "the public code baobab, which quotes them after Collett 2015",
    ),
    NumberSource(
        ("MAG_STAR", "MAG_SCATTER", "MAG_CORRELATION", "LOG_DISPERSION_STAR", "LOG_DISPERSION_SCATTER"),
        "Bernardi et al. 2003, AJ 125, 1849, table 1",
    ),
    NumberSource(
        ("LOG_RADIUS_PER_MAG",),
        "Bernardi et al. 2003, AJ 125, 1849: radius as L to the power 0.63",
        "the abstract (0.63 ± 0.025, in magnitudes −0.252)",
    ),
    NumberSource(
        ("LOG_RADIUS_STAR_KPC", "LOG_RADIUS_SCATTER", "EVOLUTION_MAG_PER_REDSHIFT"),
        "Bernardi et al. 2003, AJ 125, 1849",
    ),
    NumberSource(
        ("SOURCE_SCALE_REDSHIFT",),
        "LSST Science Book, arXiv:0912.0201, equation 3.8",
        "the equation as public code quotes it",
    ),
    NumberSource(("HUBBLE_KM_S_MPC", "MATTER_DENSITY"), "the cosmology of these papers"),
    NumberSource(("SPEED_OF_LIGHT_KM_S",), "definition of the metre", "exact by definition"),
    NumberSource(
        ("PASSIVE_REDSHIFTS", "PASSIVE_COLOURS", "PASSIVE_I_CORRECTION"),
        "Eisenstein et al. 2001, AJ 122, 2267, in Pan-STARRS bands by Tonry et al. 2012, ApJ 750, 99, and a "
        "template of an old galaxy",
    ),
    NumberSource(("RED_REDSHIFTS", "RED_COLOURS"), "Bruzual & Charlot 2003, rounded"),
    NumberSource(("BLUE_COLOURS", "TYPICAL_MAG", "POINT_RADIUS_ARCSEC"), "our choice"),
    NumberSource(("STAR_COLOURS",), "Covey et al. 2007, AJ 134, 2398, rounded"),
    NumberSource(
        (
            "DISPERSION_RANGE_KM_S", "REDSHIFT_RANGE", "FURTHEST_SOURCE", "LARGEST_EINSTEIN_ARCSEC", "DRAWN",
            "KEPT", "NEAR_MAG",
        ),
        "our choice",
    ),
)  # fmt: skip
"""Where the numbers of `deflectors` and `populations` come from."""


def source_rows() -> Iterator[str]:
    """Yield a Markdown table of where every number comes from, and in what text it was read again."""
    yield "| survey | numbers | source | read again in |"
    yield "|---|---|---|---|"
    named = {name: survey.sources for name, survey in SURVEYS.items() if survey.published}
    for name, sources in (*named.items(), ("galaxies", GALAXIES)):
        for one in sources:
            ours = one.source in (OWN_CHOICE.source, ASSUMED.source)
            numbers = ", ".join(number.lower().replace("_", " ") for number in one.numbers)
            checked = one.checked or ("–" if ours else "not verified")
            yield f"| {name} | {numbers} | {one.source} | {checked} |"
