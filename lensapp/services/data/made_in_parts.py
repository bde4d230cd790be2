"""Work cut into parts that several processes do, in the order of the parts."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from lensapp.core.errors import JobCancelled, LensAppError
from lensapp.core.processors import processors
from lensapp.core.progress import ShouldStop

MOST_PROCESSES = 8
WAITING_PER_PROCESS = 4

Part = TypeVar("Part")
Outcome = TypeVar("Outcome")


def usual_processes() -> int:
    """Return one process per core, 8 at most."""
    return min(processors(), MOST_PROCESSES)


def done_in_order(
    work: Callable[[Part], Outcome], parts: Sequence[Part], *, processes: int, should_stop: ShouldStop
) -> Iterator[Outcome]:
    """Yield what `work` makes of each part, in the order of the parts: one survey has to give one split.

    Raises
    ------
    JobCancelled
        When `should_stop` answered.
    LensAppError
        When a process was killed.
    """

    def go_on() -> None:
        if should_stop():
            raise JobCancelled("The simulation was stopped; resume it to go on where it was.")

    if min(processes, len(parts)) < 2:
        for part in parts:
            go_on()
            yield work(part)
        return
    # Spawned, not forked: the caller may hold threads and database connections.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(min(processes, len(parts)), mp_context=context)
    try:
        left = iter(parts)
        waiting: deque[Future[Outcome]] = deque()
        while True:
            # Not all at once: what a part carries would be held for every part that waits.
            room = WAITING_PER_PROCESS * processes - len(waiting)
            waiting.extend(executor.submit(work, part) for part in islice(left, room))
            if not waiting:
                return
            yield waiting.popleft().result()
            go_on()
    except BrokenProcessPool as error:
        raise LensAppError(
            "A simulation process was killed (signal 9, often too little memory). Resume to continue."
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)
