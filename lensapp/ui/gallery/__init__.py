"""The gallery: a component that shows a review's candidates and takes votes by keyboard."""
