"""Home: the round at a glance."""

from lensapp.ui.home.home_page import show_home

show_home()
