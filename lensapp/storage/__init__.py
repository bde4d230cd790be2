"""The only package that speaks to the database and to the pixel shards."""
