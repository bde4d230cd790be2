"""The gate through which every file of others is read.

Cheap checks come first and stand with the formats: a header's arithmetic against the size of the file, a
declared size before decoding. What is here is the net below them. Processes that do nothing but read
(`guard_process`) have limits on memory and time, open no connection, start no program and die with the
process that asked. `reading` sets the limits for one candidate or table, and turns whatever a decoder
raises into that file's reason.
"""

import ctypes
import errno
import os
import signal
import stat
import sys
import threading
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from lensapp.core.errors import LensAppError
from lensapp.ingest.gate.limits import MIB, limits, variable
from lensapp.ingest.refusals import Refused, one_line

if sys.platform == "linux":
    import resource

PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>
AGAIN_SECONDS = 0.5
GRACE = 1.5  # code that does not come back to Python is ended after so many times the limit
FORBIDDEN = frozenset(
    {"socket.connect", "socket.getaddrinfo", "urllib.Request", "subprocess.Popen", "os.system", "os.exec"}
)
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class TooSlow(BaseException):
    """The time for a file is over; no decoder's own `except Exception` may stop it."""


class _State:
    """Whether this process is guarded, how many `reading` are open in it, and its memory limit."""

    guarded = False
    depth = 0
    memory_bytes = 0


def guard_process() -> None:
    """Give this process, which does nothing but read files, its limits; they stay until its end."""
    if _State.guarded:
        return
    _State.guarded = True
    sys.addaudithook(_refuse_calls)
    if (parent := parent_process()) is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGPROF, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt)
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    _allow_memory(limits().memory_bytes(0))


def _refuse_calls(event: str, arguments: tuple[Any, ...]) -> None:
    """Let no decoder open a connection or start a program, whatever a file makes it do."""
    if event in FORBIDDEN:
        raise PermissionError(errno.EPERM, f"it names another file, address or program ({arguments[0]!r})")


def _end_after(parent: BaseProcess) -> None:
    """End this process when the one that reads for it is gone, as its server of processes does not."""
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _interrupt(number: int, _frame: object) -> None:
    if _State.depth:
        raise TooSlow(number)


def _allow_memory(allowed: int) -> None:
    """Set the limit on the memory that this process writes to; files mapped for reading do not count."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most != resource.RLIM_INFINITY:
        allowed = min(allowed, most)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, most))
    _State.memory_bytes = allowed


def allow(file_bytes: int) -> None:
    """Allow this process the memory and the time for a file of `file_bytes`; never less than before."""
    if not _State.guarded or sys.platform != "linux":
        return
    if (needed := limits().memory_bytes(file_bytes)) > _State.memory_bytes:
        _allow_memory(needed)
    if file_bytes > MIB:
        _set_timers(file_bytes)


def _set_timers(file_bytes: int) -> None:
    seconds = limits().processor_seconds(file_bytes)
    signal.setitimer(signal.ITIMER_PROF, seconds, AGAIN_SECONDS)
    signal.setitimer(signal.ITIMER_VIRTUAL, GRACE * seconds)
    signal.setitimer(signal.ITIMER_REAL, max(limits().wait_seconds, GRACE * seconds), AGAIN_SECONDS)


class reading:  # noqa: N801 - a context manager; as a generator it takes three times as long
    """Decode a file of others: whatever goes wrong inside becomes the reason to refuse it.

    Parameters
    ----------
    what
        Begins the reason, as "not a readable image".
    file_bytes
        Size of the file; larger ones are given more memory and time. In a process that is not guarded,
        and on other systems than Linux, there are no such limits.

    Raises
    ------
    Refused
        With the reason; LensAppError passes.
    """

    __slots__ = ("_file_bytes", "_outermost", "_what")

    def __init__(self, what: str, *, file_bytes: int = 0) -> None:
        self._what, self._file_bytes, self._outermost = what, file_bytes, False

    def __enter__(self) -> None:
        self._outermost = not _State.depth
        _State.depth += 1
        if self._outermost and _State.guarded and sys.platform == "linux":
            _set_timers(0)
        if self._file_bytes:
            allow(self._file_bytes)

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _State.depth = 0 if self._outermost else _State.depth - 1
        if self._outermost and _State.guarded and sys.platform == "linux":
            for timer in (signal.ITIMER_PROF, signal.ITIMER_VIRTUAL, signal.ITIMER_REAL):
                signal.setitimer(timer, 0)
        if isinstance(error, TooSlow | Exception) and not isinstance(error, Refused | LensAppError):
            # Anything that a decoder raises: a list of it was never complete.
            refusal = Refused("unreadable", f"{self._what}: {one_line(error)}")
            if isinstance(error, MemoryError):
                allowed = f"{_State.memory_bytes // MIB} MiB allowed ({variable('memory_mib')})"
                refusal = Refused("too_large", f"{self._what}: it needs more memory than the {allowed}")
            elif isinstance(error, TooSlow):
                limit = variable("seconds")
                refusal = Refused("too_slow", f"{self._what}: reading it takes longer than allowed ({limit})")
            raise refusal from error


def regular_size(status: os.stat_result) -> int:
    """Return the size of a regular file, or refuse what only looks like a file: reading it may never end."""
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    raise Refused("unreadable", f"it is {kind_of(status.st_mode)}, not a regular file")


def kind_of(mode: int) -> str:
    """Say in words what is no regular file."""
    return next((words for test, words in KINDS if test(mode)), "something else")


def check_regular(path: Path) -> int:
    """Return the size of the regular file at `path`, or refuse it; it is not opened."""
    try:
        return regular_size(path.stat())
    except (OSError, ValueError) as error:
        raise Refused("unreadable", f"it cannot be opened: {one_line(error)}") from error
