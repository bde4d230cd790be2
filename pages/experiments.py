"""Experiments: cross-validations and searches of hyper-parameters."""

from lensapp.ui import experiments

experiments.show()
