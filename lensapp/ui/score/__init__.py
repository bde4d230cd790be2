"""The pages of scores and of the map of features."""
