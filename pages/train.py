"""Train: live curves, runs, and the next run."""

from lensapp.ui.train import train_page

train_page.show()
