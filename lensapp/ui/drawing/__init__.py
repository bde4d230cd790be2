"""Figures in the browser: drawn once, when they come into sight, and saved as files for papers."""
