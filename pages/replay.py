"""Replay: how many lenses each order of candidates would have found, beside chance."""

from lensapp.ui.inspect import replay_page

replay_page.show()
