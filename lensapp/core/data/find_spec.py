"""How objects are detected in larger images and cut out; the form, the command line and the docs read it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lensapp.core.config import Spec


class FindObjectsSpec(Spec):
    """What is detected in the cutouts of a source, which of it is kept, and how it is cut out."""

    version: Literal[1] = Field(1, title="Format version", description="Version of this format.")
    size: int = Field(
        ge=8,
        le=1024,
        title="Size (pixels)",
        description="Side of the new cutouts, which are cut at whole pixels around each object.",
    )
    band: str | None = Field(
        None,
        max_length=64,
        title="Detection band",
        json_schema_extra={"empty": "the one nearest to i"},
        description="Band in which objects are detected and selected; empty: the one nearest to i.",
    )
    snr: float = Field(
        5.0,
        ge=1.0,
        le=1000.0,
        title="Least S/N",
        description="Least signal-to-noise ratio of an object's flux in the detection band.",
    )
    brightest_mag: float | None = Field(
        None,
        ge=-5.0,
        le=40.0,
        title="Brightest (mag)",
        json_schema_extra={"empty": "no limit"},
        description="Objects brighter than this AB magnitude in the detection band are left out.",
    )
    faintest_mag: float | None = Field(
        None,
        ge=-5.0,
        le=40.0,
        title="Faintest (mag)",
        json_schema_extra={"empty": "no limit"},
        description="Objects fainter than this AB magnitude in the detection band are left out.",
    )
    keep: Literal["galaxies", "stars", "all"] = Field(
        "galaxies",
        title="Keep",
        description="Galaxies are larger than the point-spread function, stars are as large as it is.",
    )
    psf_fwhm_arcsec: float | None = Field(
        None,
        gt=0.0,
        le=20.0,
        title="PSF width (arcsec)",
        json_schema_extra={"empty": "measured"},
        description="Full width at half maximum of the point-spread function in the detection band; empty: "
        "that of the most compact bright objects of the source.",
    )
    exclude_radius_arcsec: float = Field(
        5.0,
        ge=0.0,
        le=600.0,
        title="Distance to target (arcsec)",
        description="Objects nearer than this to the middle of their image, its own target, or to a known "
        "lens are left out; 0 keeps the target. Lensed images of groups and clusters lie up to 20 arcsec "
        "out: around such lenses give more.",
    )
    known_lenses: str | None = Field(
        None,
        max_length=4096,
        title="Known lenses",
        json_schema_extra={"empty": "those kept on Catalogue"},
        description="Table of known lenses, or lenscat, whose surroundings are left out; empty: the table "
        "kept on Catalogue, where there is one.",
    )
    edges: Literal["refuse", "mask"] = Field(
        "refuse",
        title="At the edges",
        json_schema_extra={"words": {"refuse": "leave out", "mask": "keep, masked"}},
        description="What happens to cutouts that run over the edge of their image: they are left out, or "
        "kept with the pixels outside masked.",
    )
    label: Literal["nonlens", "lens"] | None = Field(
        None,
        title="Label",
        json_schema_extra={"empty": "none", "words": {"nonlens": "non-lens"}},
        description="Label of all that is kept; empty: none. Field galaxies are hardly ever lenses.",
    )
    limit: int | None = Field(
        None,
        ge=1,
        le=5_000_000,
        title="Objects, at most",
        json_schema_extra={"empty": "all"},
        description="Keep at most this many objects, drawn at random.",
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, title="Random seed", description="Random seed of the draw of at most so many."
    )

    @model_validator(mode="after")
    def check_magnitudes(self) -> Self:
        """Refuse a range of magnitudes that holds nothing."""
        if (
            self.brightest_mag is not None
            and self.faintest_mag is not None
            and self.brightest_mag >= self.faintest_mag
        ):
            raise ValueError("The brightest magnitude must be the smaller number of the two")
        return self
