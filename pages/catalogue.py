"""Catalogue: graded candidates, feed back, ledger, export."""

from lensapp.ui.catalogue import catalogue_page

catalogue_page.show_catalogue_page()
