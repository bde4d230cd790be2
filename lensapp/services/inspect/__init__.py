"""Reviews: queues, blind tests, votes, consensus, inspectors, replay."""
