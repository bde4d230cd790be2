"""Team: how well inspectors do, how far they agree, and what they dispute."""

from lensapp.ui import team

team.show()
