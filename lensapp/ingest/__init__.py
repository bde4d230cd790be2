"""From files of every layout to packed cutouts."""
