"""Reports: what several rooms know of a run, as one file."""
