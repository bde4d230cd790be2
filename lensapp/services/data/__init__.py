"""Sources: import, simulate, look at; tables of known lenses."""
