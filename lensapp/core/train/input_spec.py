"""What a network does with its cutouts before its first layer; saved with it."""

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput


class InputSpec(Spec):
    """Which pixels of a normalised cutout a network sees: cut out, limited to a circle, surrounded by sky.

    The steps are the network's own first layers, so that training, scoring and exports cannot differ.
    """

    crop_pixels: int = Field(
        0,
        ge=0,
        le=4096,
        title="Crop (pixels)",
        description="Side of the central square that the network sees; 0 takes the whole cutout.",
    )
    circle: bool = Field(
        default=False,
        title="Inscribed circle only",
        description="Show only the pixels inside the inscribed circle, the same at any rotation.",
    )
    pad_pixels: int = Field(
        0,
        ge=0,
        le=4097,
        title="Pad to (pixels)",
        description="Odd side to which the image is padded with sky; 0 adds nothing.",
    )

    def size_within(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width in pixels of what the network sees of cutouts of `size`.

        Raises InvalidInput when the cutouts are smaller than the crop or larger than the padded image.
        """
        if self.crop_pixels > min(size):
            raise InvalidInput(
                f"Cutouts of {size[0]}×{size[1]} pixels are smaller than crop_pixels = {self.crop_pixels}. "
                "Crop to a smaller square or import larger cutouts."
            )
        seen = (self.crop_pixels, self.crop_pixels) if self.crop_pixels else size
        if not self.pad_pixels:
            return seen
        if self.pad_pixels % 2 == 0 or self.pad_pixels < max(seen):
            raise InvalidInput(
                f"pad_pixels = {self.pad_pixels} must be odd and at least {max(seen)}, the size of the image."
            )
        return self.pad_pixels, self.pad_pixels
