"""Cutouts that stay in the tiles of their survey: what is stored is where they lie."""
