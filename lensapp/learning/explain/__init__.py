"""What the score of one cutout rests on."""
