"""Which part of a dataset each cutout belongs to, and what must stay together."""
