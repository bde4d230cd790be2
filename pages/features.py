"""Features: a map of what a network sees, to find groups and choose candidates by eye."""

from lensapp.ui.score import features_page

features_page.show_features_page()
