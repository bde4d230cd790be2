"""Data: the cutouts of a source, their quality, and the import of new ones."""

from lensapp.ui.data.data_page import show_data_page

show_data_page()
