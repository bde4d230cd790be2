"""Batches of cutouts from frozen dataset versions, augmented."""
