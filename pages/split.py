"""Split: divide labelled cutouts into training, validation and test parts, and freeze them."""

from lensapp.ui.split.split_page import show_split_page

show_split_page()
