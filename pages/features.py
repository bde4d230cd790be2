"""Features: a map of what a network sees, to find groups and choose candidates by eye."""

from lensapp.ui import features

features.show()
