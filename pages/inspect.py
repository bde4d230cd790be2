"""Inspect: grade candidates in the gallery."""

from lensapp.ui.inspect.inspect_page import show_inspect_page

show_inspect_page()
