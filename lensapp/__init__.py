"""Lens-finding workbench: from FITS cutouts to a labelled catalogue of strong lenses."""

__version__ = "0.1.0"
