"""Home: the round at a glance."""

from lensapp.ui import home

home.show()
