"""The labelled catalogue: query, export, feed back, trace."""
