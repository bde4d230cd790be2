"""Data: the cutouts of a source, their quality, and the import of new ones."""

from lensapp.ui.data import data_page

data_page.show()
