"""The page about the workspace itself."""
