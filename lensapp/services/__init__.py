"""Use cases shared by the pages, the command line and the worker."""
