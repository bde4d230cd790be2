"""Cutouts of a selection in files that other programs read."""
