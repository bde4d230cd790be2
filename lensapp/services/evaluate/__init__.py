"""Read evaluations and explanations of runs."""
