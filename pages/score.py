"""Score: a source through a run, and its best candidates."""

from lensapp.ui.score import score_page

score_page.show_score_page()
