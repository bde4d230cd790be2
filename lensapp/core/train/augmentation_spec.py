"""How training cutouts are changed at random."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec


class AugmentationSpec(Spec):
    """Random changes that show the network each training cutout in a new way in each epoch."""

    d4: bool = Field(
        default=True,
        title="Rotate by 90° and reflect",
        description="Random 90° rotations and reflections (lossless).",
    )
    rotation_deg: float = Field(
        0.0, ge=0.0, le=180.0, title="Rotation (deg)", description="Largest rotation, either way, in degrees."
    )
    rotation_upsampling: int = Field(
        1,
        ge=1,
        le=4,
        title="Rotation upsampling",
        description="Factor by which the pixels are refined for rotations, shifts and zooms; 1 is fastest.",
    )
    shift_pixels: float = Field(
        0.0, ge=0.0, le=64.0, title="Shift (pixels)", description="Largest shift along each axis, in pixels."
    )
    whole_pixels: bool = Field(
        default=False,
        title="Shift by whole pixels",
        description="Shift by whole pixels only: nothing is resampled, which is fast and keeps the noise.",
    )
    zoom_min: float = Field(
        1.0,
        ge=0.5,
        le=1.0,
        title="Smallest zoom",
        description="Smallest magnification; with 1 for both limits cutouts are not zoomed.",
    )
    zoom_max: float = Field(1.0, ge=1.0, le=2.0, title="Largest zoom", description="Largest magnification.")
    noise_sigma: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        title="Noise (σ)",
        description="Standard deviation of the added noise, in normalised units.",
    )
    own_noise: float = Field(
        0.0,
        ge=0.0,
        le=5.0,
        title="Noise (own σ)",
        description="Standard deviation of noise added to the fluxes before the stretch, in units of each "
        "pixel's own by the noise map or weights beside the cutout, else of the sky of cutout and band; 1 "
        "makes a cutout 1.4 times as noisy.",
    )
    stretch_jitter: float = Field(
        0.0,
        ge=0.0,
        le=5.0,
        title="Stretch jitter",
        description="Strength of the random change of the stretch; 0 leaves it alone.",
    )
    blur_pixels: float = Field(
        0.0,
        ge=0.0,
        le=10.0,
        title="Blur (pixels)",
        description="Largest σ of a Gaussian that the fluxes are blurred with, as by worse seeing.",
    )
    flux_jitter_mag: float = Field(
        0.0,
        ge=0.0,
        le=3.0,
        title="Flux jitter (mag)",
        description="Scatter of a change of all fluxes of a cutout, for brighter and fainter copies.",
    )
    colour_jitter_mag: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        title="Colour jitter (mag)",
        description="Scatter of a change of each band, as of zero points; colours tell lenses, so keep it "
        "small.",
    )
    fill: Literal["zero", "reflect", "wrap"] = Field(
        "zero",
        title="Fill edges with",
        description="What fills the edges of a rotated or shifted cutout.",
        json_schema_extra={"words": {"zero": "zeros", "reflect": "reflected", "wrap": "wrapped"}},
    )

    mixup_alpha: float = Field(
        0.0,
        ge=0.0,
        le=10.0,
        title="Mixup (α)",
        description="Blend each cutout and its label with another of the batch; the share is drawn from a "
        "beta distribution with both parameters α, 0.2 is usual, 0 is off.",
    )
    cutmix_alpha: float = Field(
        0.0,
        ge=0.0,
        le=10.0,
        title="Cutmix (α)",
        description="Replace a rectangle of each cutout by that of another of the batch, and its label in "
        "proportion; the area is drawn as for mixup, 1 is usual, 0 is off.",
    )

    @property
    def interpolates(self) -> bool:
        """Whether pixels are resampled, which costs far more than rotations by 90°."""
        shifts = self.shift_pixels and not self.whole_pixels
        return bool(self.rotation_deg or shifts or self.zoom_min != 1.0 or self.zoom_max != 1.0)

    @property
    def changes_fluxes(self) -> bool:
        """Whether fluxes are changed before they are normalised."""
        return bool(self.blur_pixels or self.flux_jitter_mag or self.colour_jitter_mag)

    @property
    def mixes(self) -> bool:
        """Whether cutouts are mixed with others, so that their labels are shares of classes."""
        return bool(self.mixup_alpha or self.cutmix_alpha)
