"""What a user can set for each family of networks, one module per family."""
