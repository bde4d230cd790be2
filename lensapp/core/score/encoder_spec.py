"""What an encoder of others needs to be told: which pixels of a cutout it sees, and in what form."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lensapp.core.config import Spec


class EncoderSpec(Spec):
    """How an ONNX file takes cutouts; the JSON file beside it, `NAME.json` for `NAME.onnx`."""

    version: Literal[1] = Field(1, description="Version of this format.")
    bands: tuple[str, ...] = Field(
        min_length=1, title="Bands", description="Bands of the cutouts, in their order."
    )
    channels: tuple[str, ...] = Field(
        (),
        max_length=64,
        title="Channels",
        description="Band of each input channel of the file, for example i,r,g for red, green and blue; "
        "empty takes the bands in their order.",
    )
    input_pixels: int = Field(
        224, ge=8, le=2048, title="Input (pixels)", description="Side of the images that the file takes."
    )
    cutout_pixels: int | None = Field(
        None,
        ge=8,
        le=2048,
        title="Cutout (pixels)",
        json_schema_extra={"empty": "the input's"},
        description="Side of the central square of a cutout that fills the input; empty takes that of the "
        "input.",
    )
    layout: Literal["nchw", "nhwc"] = Field(
        "nchw",
        title="Layout",
        description="Order of the axes: channels before rows, as from PyTorch, or after columns, as from "
        "Keras.",
        json_schema_extra={"words": {"nchw": "channels first", "nhwc": "channels last"}},
    )
    stretch: Literal["minmax", "cutout", "none"] = Field(
        "minmax",
        title="Stretch",
        description="minmax scales each cutout to 0…1, cutout is asinh in units of its own sky noise, none "
        "keeps the fluxes.",
    )
    factor: tuple[float, ...] = Field(
        (),
        title="Factor",
        description="Factor of each channel after the stretch, for ImageNet 4.367,4.464,4.444; empty takes "
        "1.",
    )
    offset: tuple[float, ...] = Field(
        (),
        title="Offset",
        description="What is then added to each channel, for ImageNet -2.118,-2.036,-1.804; empty takes 0.",
    )
    output: str | None = Field(
        None,
        title="Output",
        json_schema_extra={"empty": "the first"},
        description="Name of the output that holds the features; empty takes the first.",
    )
    pixel_scale_arcsec: float | None = Field(
        None,
        gt=0.0,
        le=100.0,
        title="Pixel scale (arcsec)",
        json_schema_extra={"empty": "any"},
        description="Side of a pixel of the cutouts that it was made for; empty takes any.",
    )

    @model_validator(mode="after")
    def check_channels(self) -> Self:
        """Refuse channels of absent bands, and factors or offsets for another number of channels."""
        absent = sorted(set(self.channels) - set(self.bands))
        if absent:
            raise ValueError(f"channels: {', '.join(absent)} are not among the bands {','.join(self.bands)}")
        for name in ("factor", "offset"):
            values = getattr(self, name)
            if values and len(values) != len(self.order):
                raise ValueError(f"{name}: give one number for each of the {len(self.order)} channels")
        return self

    @property
    def order(self) -> tuple[str, ...]:
        """Band of each input channel."""
        return self.channels or self.bands


class HeadSpec(Spec):
    """A logistic head on the features of an encoder or of a trained network; the `spec` of its run."""

    version: Literal[1] = Field(1, description="Version of this format.")
    head: Literal["logistic"] = Field("logistic", description="Kind of head.")
    encoder: str = Field(title="Encoder", description="Run that gives the features.")
    strength: float = Field(
        1.0,
        gt=0.0,
        le=1e6,
        title="Inverse penalty",
        description="Smaller values keep the weights smaller, which suits few cutouts and many features.",
    )
    balanced: bool = Field(
        default=True, title="Balance", description="Give lenses and non-lenses the same weight."
    )
