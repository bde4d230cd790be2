"""Keras networks, one file per family; `models.registry` builds them by name."""

from lensapp.core.backend import choose_backend

choose_backend()
