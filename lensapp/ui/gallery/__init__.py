"""The gallery: a component that shows a review's candidates and takes votes by keyboard."""

from lensapp.ui.gallery.component import bundle, keep_inspector, show_gallery

__all__ = ["bundle", "keep_inspector", "show_gallery"]
