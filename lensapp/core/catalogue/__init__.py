"""Rules of feeding grades back, and text that is safe in exported tables."""
