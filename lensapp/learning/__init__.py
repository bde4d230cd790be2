"""Feeding, training, scoring and explaining networks."""

from lensapp.core.backend import choose_backend

choose_backend()
