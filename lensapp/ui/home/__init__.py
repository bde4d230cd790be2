"""The home page: the round as six cards, the tour, what has changed lately."""
