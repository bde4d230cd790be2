"""Compare: networks side by side on one dataset version."""

from lensapp.ui import compare

compare.show()
