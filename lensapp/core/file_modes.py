"""Who may read what this program writes: its user alone or, by a switch, the group."""

import os

GROUP_SWITCH = "LENSAPP_GROUP"


def keep_to_oneself() -> None:
    """Let what this process makes be for its user alone; with LENSAPP_GROUP=1 also for the group."""
    os.umask(0o007 if os.environ.get(GROUP_SWITCH) == "1" else 0o077)
