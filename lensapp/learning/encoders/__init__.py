"""Encoders that were made elsewhere, and heads on features."""
