"""Scores, estimates and features of a source, and what is near what."""
