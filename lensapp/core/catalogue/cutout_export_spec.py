"""How cutouts are written for other programs."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec


class CutoutExportSpec(Spec):
    """What an export of cutouts holds."""

    axes: Literal["nchw", "nhwc"] = Field(
        "nchw",
        title="Order of the axes",
        description="Order of the axes of arrays: cutout, band, y, x (as PyTorch and Cutana have them) or "
        "cutout, y, x, band (as Keras does).",
        json_schema_extra={
            "words": {"nchw": "cutout, band, y, x (NCHW)", "nhwc": "cutout, y, x, band (NHWC)"}
        },
    )
    planes: bool = Field(
        default=True,
        title="Write noise and PSF",
        description="Write the noise maps, weights and PSFs that are kept beside the pixels, too.",
    )
    picture_side: int = Field(
        424,
        ge=32,
        le=2048,
        title="Side of the JPEG pictures (pixels)",
        description="Least side of the pictures of a subject set; cutouts are enlarged by a whole number.",
    )
