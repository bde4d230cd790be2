"""How much of a machine this process may use."""

import os


def processors() -> int:
    """Return the number of processors that this process may use: a scheduler may have lent it a few only."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Return the memory of this machine in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
