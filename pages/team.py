"""Team: how well inspectors do, how far they agree, and what they dispute."""

from lensapp.ui.inspect.team_page import show_team_page

show_team_page()
