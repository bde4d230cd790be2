"""Tiles of a survey and a catalogue of positions become cutouts."""
