"""Home: the round at a glance."""

from lensapp.ui.home import show_home

show_home()
