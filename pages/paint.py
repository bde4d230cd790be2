"""Paint: training sets of lenses on real galaxies."""

from lensapp.ui.data.paint_page import show_paint_page

show_paint_page()
