"""Large files of many cutouts, read a block of rows at a time."""
