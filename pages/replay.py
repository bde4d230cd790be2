"""Replay: how many lenses each order of candidates would have found, beside chance."""

from lensapp.ui.inspect.replay_page import show_replay_page

show_replay_page()
