"""Simulated lenses and a simulated survey around them."""
