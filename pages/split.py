"""Split: divide labelled cutouts into training, validation and test parts, and freeze them."""

from lensapp.ui.split import split_page

split_page.show()
