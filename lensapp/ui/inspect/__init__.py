"""The pages of reviews, inspectors and replays."""
