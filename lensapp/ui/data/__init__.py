"""The page of a source and its import."""
