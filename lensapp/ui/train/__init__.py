"""The pages of trainings and of experiments."""
