"""Catalogue: graded candidates, feed back, ledger, export."""

from lensapp.ui import catalogue

catalogue.show()
