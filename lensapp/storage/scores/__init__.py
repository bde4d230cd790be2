"""The scores that runs gave, as Parquet by run and source, and the list of what is being scored."""
