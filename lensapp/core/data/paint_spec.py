"""How arcs are painted on real galaxies; the form, the command line and the documentation read it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lensapp.core.config import Spec
from lensapp.core.data.conditions import parse_filter
from lensapp.core.data.distributions import Bell, Counts, Distribution, Even, LogBell, within
from lensapp.core.errors import InvalidInput

Where = Annotated[tuple[str, ...], Field(max_length=32)]


def check_conditions(conditions: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what is no condition on columns."""
    for text in conditions:
        try:
            parse_filter(text)
        except InvalidInput as error:
            raise ValueError(str(error)) from error
    return conditions


class HostChoice(Spec):
    """Which galaxies become lenses: by default those that are red, extended and bright enough."""

    where: Where = Field(
        (),
        title="Conditions on columns",
        json_schema_extra={"example": "none, or such as mag_r < 20.5"},
        description="Conditions on columns of the hosts, such as mag_r < 20.5 or mag_g - mag_r > 1.1.",
    )
    brightest_mag: float = Field(
        16.0, ge=0, le=35, title="Brightest (mag)", description="Hosts are fainter than this AB magnitude."
    )
    faintest_mag: float = Field(
        21.5,
        ge=0,
        le=35,
        title="Faintest (mag)",
        description="Hosts are brighter than this AB magnitude in i, or else the last band.",
    )
    bluest_colour: float | None = Field(
        None,
        ge=-5,
        le=10,
        title="Bluest colour (mag)",
        json_schema_extra={"empty": "early-type galaxies"},
        description="Hosts are redder than this colour, first less last of the bands; empty takes what "
        "early-type galaxies at redshift 0.2 have, less 0.2 mag.",
    )
    smallest_size: float = Field(
        1.15,
        ge=0,
        le=20,
        title="Smallest size (PSFs)",
        description="Least half-light radius in units of that of a star, so that stars are no hosts.",
    )
    unmarked: bool = Field(
        default=True,
        title="Without artefacts",
        description="Leave out hosts across whose image a satellite's trail, a bad column or a cosmic ray "
        "runs (what shines in one band alone, where nothing in the sky does), beside a star ten times as "
        "bright, at the edge of the data, or with a noise that stands out as the Quality page tells.",
    )

    _conditions = field_validator("where")(check_conditions)

    @model_validator(mode="after")
    def check_magnitudes(self) -> Self:
        """Refuse a range of magnitudes that holds nothing."""
        if self.brightest_mag >= self.faintest_mag:
            raise ValueError("the brightest magnitude must be the smaller number of the two")
        return self


BEST_FIT = "best_fit"


class MassSpec(Spec):
    """How massive the lenses are: isothermal ellipsoids in external shear."""

    velocity_dispersion_column: str | None = Field(
        None,
        max_length=128,
        title="Column of velocity dispersions",
        json_schema_extra={"empty": "by its usual names"},
        description="Column of the hosts' velocity dispersions in km/s; where there is none they follow from "
        "absolute magnitudes.",
    )
    redshift_column: str | None = Field(
        None,
        max_length=128,
        title="Column of redshifts",
        json_schema_extra={"empty": "by its usual names"},
        description="Column of the hosts' redshifts; where there is none they follow from colours.",
    )
    redshift_method: Literal["posterior", "best_fit"] = Field(
        "posterior",
        title="Redshifts from colours",
        json_schema_extra={"words": {BEST_FIT: "best fit, as before"}},
        description="Posterior: the median of what colours, the red sequence and the luminosity function of "
        "early-type galaxies tell; hosts off the red sequence are left out unless a column has their "
        "redshift. Best fit: what paintings of earlier versions have, to make them again.",
    )
    smallest_radius_arcsec: float = Field(
        0.5,
        gt=0,
        le=30,
        title="Smallest Einstein radius (arcsec)",
        description="Einstein radius of the weakest lenses.",
    )
    largest_radius_arcsec: float = Field(
        3.0,
        gt=0,
        le=60,
        title="Largest Einstein radius (arcsec)",
        description="Einstein radius of the strongest lenses.",
    )
    even_radii: bool = Field(
        default=True,
        title="Even Einstein radii",
        description="Choose hosts and sources so that all Einstein radii are equally frequent, instead of "
        "mostly small ones as the sky has them.",
    )
    shape_scatter: float = Field(
        0.05,
        ge=0,
        le=0.3,
        title="Scatter of the shape",
        description="Scatter of the mass's ellipticity, (1-q)/(1+q), about that of the host's light.",
    )
    shear: Annotated[Distribution, within(0, 0.5)] = Field(
        Bell(centre=0.0, spread=0.05, lowest=0.0, highest=0.25),
        title="External shear",
        description="Strength of the shear due to what lies around the lens.",
    )

    @model_validator(mode="before")
    @classmethod
    def as_saved(cls, values: Any) -> Any:
        """Take settings that an earlier version saved, whole but for what is newer, as they were meant."""
        older = cls.model_fields.keys() - {"redshift_method"}
        if isinstance(values, dict) and values.keys() == older:
            return {**values, "redshift_method": BEST_FIT}
        return values

    @model_validator(mode="after")
    def check_radii(self) -> Self:
        """Refuse a range of Einstein radii that holds nothing."""
        if self.smallest_radius_arcsec >= self.largest_radius_arcsec:
            raise ValueError("the smallest Einstein radius must be below the largest")
        return self


class LensedSourceSpec(Spec):
    """What is lensed: star-forming galaxies with clumps, stamps of real galaxies, quasars."""

    redshift: Annotated[Distribution, within(0.01, 15)] = Field(
        Bell(centre=1.5, spread=0.7, lowest=0.3, highest=4.5),
        title="Redshift",
        description="Redshift of the sources, always behind their lens.",
    )
    brightness: Literal["magnitude", "signal_to_noise"] = Field(
        "magnitude",
        title="Brightness by",
        json_schema_extra={"words": {"signal_to_noise": "signal to noise"}},
        description="Sources have the magnitudes drawn, or such that the S/N of their arcs is as drawn; the "
        "latter where the unit of the hosts' flux is unknown.",
    )
    magnitude: Annotated[Distribution, within(0, 40)] = Field(
        Counts(slope=0.15, lowest=19.5, highest=25.0),
        title="Magnitude",
        description="AB magnitude of the sources without lensing, in i or else the last band.",
    )
    arc_snr: Annotated[Distribution, within(0, 1e6)] = Field(
        LogBell(centre=30.0, spread=0.4, lowest=5.0, highest=300.0),
        title="S/N of the arcs",
        description="Signal-to-noise ratio of the arcs in their best band; its ends hold whatever the "
        "magnitudes are.",
    )
    offset: float = Field(
        0.6,
        ge=0,
        le=1,
        title="Farthest offset",
        description="Distance from the lens within which sources lie, in Einstein radii.",
    )
    radius_arcsec: Annotated[Distribution, within(0.01, 5)] = Field(
        LogBell(centre=0.22, spread=0.18, lowest=0.06, highest=0.8),
        title="Half-light radius (arcsec)",
        description="Half-light radius of the sources.",
    )
    sersic_index: Annotated[Distribution, within(0.5, 8)] = Field(
        Even(lowest=0.7, highest=1.8), title="Sersic index", description="1 is an exponential disc."
    )
    axis_ratio: Annotated[Distribution, within(0.05, 1)] = Field(
        Even(lowest=0.35, highest=1.0), title="Axis ratio", description="1 is a face-on disc."
    )
    redness: Annotated[Distribution, within(0, 1)] = Field(
        Bell(centre=0.3, spread=0.25, lowest=0.0, highest=1.0),
        title="Redness",
        description="Colour along the sequence of star-forming galaxies: 0 is the bluest (g-i 0.15), 1 the "
        "reddest (g-i 1.15).",
    )
    clumps: int = Field(
        3,
        ge=0,
        le=8,
        title="Clumps, at most",
        description="Largest number of star-forming clumps in a source.",
    )
    clump_light: Annotated[Distribution, within(0, 1)] = Field(
        Even(lowest=0.0, highest=0.4),
        title="Light of the clumps",
        description="Share of a source's light that its clumps have.",
    )
    stamps: str | None = Field(
        None,
        max_length=128,
        title="Stamps",
        json_schema_extra={"empty": "Sersic profiles"},
        description="Source of galaxies whose images are lensed, scaled to the sizes drawn; empty takes "
        "Sersic profiles with clumps.",
    )
    stamps_where: Where = Field(
        (),
        title="Conditions on stamps",
        json_schema_extra={"example": "none, or such as mag_g - mag_r < 0.6"},
        description="Conditions on columns of the stamps' catalogue, such as mag_g - mag_r < 0.6.",
    )
    second_share: float = Field(
        0.03,
        ge=0,
        le=1,
        title="Share of double sources",
        description="Share of lenses with a second galaxy behind them, at a redshift of its own.",
    )
    quasar_share: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Share of quasars",
        description="Share of lenses whose source has a quasar in its middle.",
    )
    quasar_light: Annotated[Distribution, within(0, 1000)] = Field(
        LogBell(centre=3.0, spread=0.4, lowest=0.3, highest=100.0),
        title="Light of the quasars",
        description="Flux of a quasar in units of that of its galaxy.",
    )

    _conditions = field_validator("stamps_where")(check_conditions)


class PaintSpec(Spec):
    """Lenses painted on real galaxies, and the non-lenses that stand beside them."""

    hosts: tuple[str, ...] = Field(
        min_length=1, title="Hosts", description="Sources whose cutouts show the galaxies to paint on."
    )
    count: int = Field(
        1000, ge=1, le=2_000_000, title="Number of lenses", description="Number of lenses to paint."
    )
    nonlens_ratio: float = Field(
        1.0,
        ge=0,
        le=100,
        title="Non-lenses per lens",
        description="Unpainted cutouts of the hosts' sources that are added as non-lenses, for each lens.",
    )
    host_share: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Share of hosts",
        description="Share of the non-lenses that are galaxies like the hosts; the others are of any kind "
        "that fulfils their conditions.",
    )
    nonlens_where: Where = Field(
        (),
        title="Which of the other non-lenses",
        json_schema_extra={"example": "any, or such as mag_r < 20.5"},
        description="Non-lenses that are no hosts are drawn among the cutouts for which all of these hold, "
        "such as mag_r < 20.5, size > 1.2; the conditions on hosts are not asked of them. Empty: any cutout.",
    )
    as_bright: bool = Field(
        default=False,
        title="Non-lenses as bright as hosts",
        description="Take non-lenses in the range of the hosts' magnitudes, where there are enough "
        "distributed like those painted on, so that brightness does not tell lenses from the others: for a "
        "search among galaxies chosen like the hosts. There may be fewer then, by half at most. A search of "
        "whole fields needs non-lenses as the field has them. "
        "Where the unit of flux is unknown the brightness in the pixels is compared.",
    )
    psf_source: str | None = Field(
        None,
        max_length=128,
        title="Source of stars",
        json_schema_extra={"empty": "the hosts' images"},
        description="Source on whose stars the PSF is measured; empty takes the hosts' own, or the images "
        "that they were found in.",
    )
    psf_file: str | None = Field(
        None,
        max_length=4096,
        title="PSF",
        json_schema_extra={"empty": "measured on stars"},
        description="FITS file with the image of a star, one for all bands or one for each in their order; "
        "empty takes stars.",
    )
    seed: int = Field(
        1, ge=0, lt=2**32, title="Random seed", description="The same seed paints the same lenses."
    )
    choice: HostChoice = Field(
        HostChoice(), title="Hosts chosen", description="Which galaxies are painted on."
    )
    mass: MassSpec = Field(MassSpec(), title="Lenses", description="How massive the lenses are.")
    source: LensedSourceSpec = Field(LensedSourceSpec(), title="Sources", description="What is lensed.")

    _conditions = field_validator("nonlens_where")(check_conditions)
