"""Train: live curves, runs, and the next run."""

from lensapp.ui.train.train_page import show_train_page

show_train_page()
