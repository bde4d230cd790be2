"""Experiments: cross-validations and searches of hyper-parameters."""

from lensapp.ui.train import experiments_page

experiments_page.show()
