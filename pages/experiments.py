"""Experiments: cross-validations and searches of hyper-parameters."""

from lensapp.ui.train.experiments_page import show_experiments_page

show_experiments_page()
