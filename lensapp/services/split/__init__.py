"""Preview, freeze and compare dataset versions."""
