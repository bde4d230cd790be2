"""Split: divide labelled cutouts into training, validation and test parts, and freeze them."""

from lensapp.ui import split

split.show()
