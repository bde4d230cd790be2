"""Inspect: grade candidates in the gallery."""

from lensapp.ui import inspect

inspect.show()
