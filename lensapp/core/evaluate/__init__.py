"""Figures of merit: curves, confusion, classes, values, folds."""
