"""Data: the cutouts of a source, their quality, and the import of new ones."""

from lensapp.ui import data

data.show()
