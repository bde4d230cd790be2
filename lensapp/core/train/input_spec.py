"""What a network does with its cutouts before its first layer; saved with it."""

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput


class InputSpec(Spec):
    """Which pixels of a normalised cutout a network sees: cut out, limited to a circle, surrounded by sky.

    The steps are the network's own first layers, so that training, scoring and exports cannot differ.
    """

    crop_pixels: int = Field(
        0, ge=0, le=4096, description="Side of the central square that the network sees; 0 takes all."
    )
    circle: bool = Field(
        default=False,
        description="Show only the pixels inside the inscribed circle, the same ones at any turn.",
    )
    pad_pixels: int = Field(
        0, ge=0, le=4097, description="Odd side that the image is filled up to with sky; 0 adds nothing."
    )

    def size_within(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width in pixels of what the network sees of cutouts of `size`.

        Raises
        ------
        InvalidInput
            When the cutouts are smaller than the square to cut out or larger than what they are filled up to.
        """
        if self.crop_pixels > min(size):
            raise InvalidInput(
                f"Expected cutouts of at least crop_pixels = {self.crop_pixels} pixels, received "
                f"{size[0]}×{size[1]}. Crop to a smaller square or import larger cutouts."
            )
        seen = (self.crop_pixels, self.crop_pixels) if self.crop_pixels else size
        if not self.pad_pixels:
            return seen
        if self.pad_pixels % 2 == 0 or self.pad_pixels < max(seen):
            raise InvalidInput(
                f"Expected an odd pad_pixels of at least {max(seen)}, received {self.pad_pixels}. "
                "Take an odd size that the image fits in."
            )
        return self.pad_pixels, self.pad_pixels
