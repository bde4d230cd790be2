"""Train: live curves, runs, and the next run."""

from lensapp.ui import train

train.show()
