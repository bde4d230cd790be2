"""The page of the labelled catalogue."""
