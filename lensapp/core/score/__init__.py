"""What is computed of a whole source by a trained network."""
