"""Audits: what a network could have learnt in place of lenses, and labels that are probably wrong."""
