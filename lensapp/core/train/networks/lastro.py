"""The networks of Schaefer et al. (2018) for the Bologna strong-lensing challenge."""

from pydantic import Field

from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.networks.scaled import Dropout, Form, Padding, ScaledSpec

DOCUMENT = "S5 · Gábor 2019 after Schaefer et al. 2018"
LASTRO_DROPOUT = "Share of units dropped at each dropout layer; the document has 0.5."
AS_PUBLISHED = {"form": "document", "dropout": 0.5}
CAUTION = (
    "Dropout before batch normalisation widens what it normalises in training only, so that features of "
    "different cutouts become alike when the network scores."
)


class LastroSpec(ScaledSpec):
    """Options of the baseline of Schaefer et al. (2018)."""

    form: Form = "stable"
    padding: Padding = "auto"
    dropout: Dropout = Field(0.2, description=LASTRO_DROPOUT)


class LastroViewsSpec(LastroSpec):
    """Options of the network of Schaefer et al. (2018) that also looks at the centre alone."""

    view_size: int = Field(
        45,
        ge=8,
        le=300,
        title="Central view (pixels)",
        description="Side of the second, central view in pixels; the whole of a smaller cutout.",
    )


class LastroResidualSpec(ScaledSpec):
    """Options of the residual network of Schaefer et al. (2018)."""

    blocks: int = Field(
        3, ge=1, le=8, title="Blocks", description="Residual blocks in each of the four stages."
    )
    form: Form = "stable"
    dropout: Dropout = Field(0.2, description=LASTRO_DROPOUT)


INFOS = (
    NetworkInfo(
        name="lastro_baseline",
        title="LASTRO baseline",
        family="lastro",
        document=DOCUMENT,
        description="Plain convolutions down to one pixel, two dense layers of 1024 units, much dropout.",
        spec=LastroSpec,
        input_shape=(101, 101, 4),
        published_options=AS_PUBLISHED,
        caution=CAUTION,
    ),
    NetworkInfo(
        name="lastro_views",
        title="LASTRO views",
        family="lastro",
        document=DOCUMENT,
        description="The baseline's convolutions beside a smaller network on the central 45×45 pixels.",
        spec=LastroViewsSpec,
        input_shape=(101, 101, 4),
        published_options=AS_PUBLISHED,
        caution=CAUTION,
    ),
    NetworkInfo(
        name="lastro_residual",
        title="LASTRO residual",
        family="lastro",
        document=DOCUMENT,
        description="The baseline's widths in residual blocks with batch normalisation.",
        spec=LastroResidualSpec,
        input_shape=(101, 101, 4),
        published_options=AS_PUBLISHED,
        caution=CAUTION,
    ),
)
