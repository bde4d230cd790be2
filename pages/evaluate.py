"""Evaluate: curves, confusion and mistakes of a run at one threshold."""

from lensapp.ui import evaluate

evaluate.show()
