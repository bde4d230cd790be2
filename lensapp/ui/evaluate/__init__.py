"""The pages that measure and compare runs."""
