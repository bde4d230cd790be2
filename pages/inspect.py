"""Inspect: grade candidates in the gallery."""

from lensapp.ui.inspect import inspect_page

inspect_page.show()
