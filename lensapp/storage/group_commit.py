"""Many small transactions of several threads in one: they wait for the disk once, together."""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

MOST_AT_ONCE = 64

Work = Callable[[Connection], Any]


@dataclass(eq=False)
class _Entry:
    """One thread's part of a transaction, and how it ended."""

    work: Work
    done: bool = False
    result: Any = None
    error: Exception | None = None


class GroupCommit:
    """Runs what threads want written; whoever comes first commits for all that wait behind it.

    Parameters
    ----------
    write
        Opens the transaction that all share. A part that fails is rolled back alone.
    """

    def __init__(self, write: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._write = write
        self._turn = threading.Lock()
        self._waiting: deque[_Entry] = deque()

    def run(self, work: Work) -> Any:
        """Return what `work` returns, after the transaction that it was a part of is committed."""
        entry = _Entry(work)
        self._waiting.append(entry)
        while not entry.done:
            with self._turn:
                if not entry.done:
                    self._commit_waiting()
        if entry.error is not None:
            raise entry.error
        return entry.result

    def _commit_waiting(self) -> None:
        entries = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
        try:
            with self._write() as connection:
                for entry in entries:
                    try:
                        with connection.begin_nested():
                            entry.result = entry.work(connection)
                    except Exception as error:
                        if connection.invalidated or not connection.in_transaction():
                            raise  # the connection is lost, not only this part
                        entry.error = error
        except Exception as error:  # noqa: BLE001 - handed to every thread whose part was not committed
            for entry in entries:
                entry.error = entry.error or error
        for entry in entries:
            entry.done = True
