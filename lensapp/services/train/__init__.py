"""Start, steer and follow trainings, studies, comparisons and committees."""
