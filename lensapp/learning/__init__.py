"""Feeding, training, scoring and explaining networks."""
