"""Replay: how many lenses each order of candidates would have found, beside chance."""

from lensapp.ui import replay

replay.show()
