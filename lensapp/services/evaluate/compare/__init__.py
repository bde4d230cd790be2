"""Runs side by side: on the cutouts that all of them were measured on."""
