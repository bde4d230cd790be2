"""How long work tells its progress and asks whether to go on, without knowing about jobs."""

from collections.abc import Callable
from typing import Any

Progress = dict[str, Any]
"""`fraction` 0…1, `message`, `rate`, `seconds_left`, and what the kind of work adds."""

Report = Callable[[Progress], None]
ShouldStop = Callable[[], str | None]
"""Returns "pause", "stop" or None."""


def ignore_progress(_progress: Progress) -> None:
    """Discard progress, for work that nobody watches."""


def never_stop() -> str | None:
    """Return None: go on."""
    return None
