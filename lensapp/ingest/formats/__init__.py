"""Readers of files, one module per kind of file."""
