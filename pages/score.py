"""Score: a source through a run, and its best candidates."""

from lensapp.ui import score

score.show()
