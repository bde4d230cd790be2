"""Cutouts and their catalogues: names of columns, positions on the sky, pixels made into pictures."""
