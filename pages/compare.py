"""Compare: networks side by side on one dataset version."""

from lensapp.ui.evaluate.compare import compare_page

compare_page.show_compare_page()
