"""The page that splits sources into dataset versions."""
