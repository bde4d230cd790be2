"""Scores, figures and features by trained networks."""
