"""Evaluate: curves, confusion and mistakes of a run at one threshold."""

from lensapp.ui.evaluate import evaluate_page

evaluate_page.show_evaluate_page()
