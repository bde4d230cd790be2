"""Several trainings that answer one question: folds, trials, comparisons."""
