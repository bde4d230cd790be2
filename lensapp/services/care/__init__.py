"""Backup, restore, move, check, rename, delete and clear: what a workspace needs in a year."""
