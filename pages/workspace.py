"""Workspace: what it holds, what can be cleared, renamed, deleted and brought back, and who changed what."""

from lensapp.ui.care.workspace_page import show_workspace_page

show_workspace_page()
