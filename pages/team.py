"""Team: how well inspectors do, how far they agree, and what they dispute."""

from lensapp.ui.inspect import team_page

team_page.show()
