"""Read files of others in processes of their own: a decoder that crashes takes no import with it."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from lensapp.core.errors import InvalidInput
from lensapp.ingest.refusals import CRASHED

Result = TypeVar("Result")
Work = tuple[Any, ...]
PRELOADED = ["lensapp.ingest.worker_settings", "lensapp.ingest.chunk", "lensapp.ingest.plan"]


def processors() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_pool(processes: int) -> ProcessPoolExecutor:
    """Start a pool of processes that share nothing with this one."""
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(PRELOADED)
    return ProcessPoolExecutor(processes, mp_context=context)


def in_order(
    function: Callable[..., Result], works: Iterable[Work], *, processes: int
) -> Generator[Result | None]:
    """Run `function` over `works` in parallel; yield results in the order of `works`.

    None stands for work that crashed its process, when it ran alone as well.
    """
    upcoming = iter(works)
    waiting: deque[tuple[Work, Future[Result]]] = deque()
    pool = make_pool(processes)
    try:
        while True:
            while len(waiting) <= 2 * processes and (work := next(upcoming, None)) is not None:
                waiting.append((work, _submit(pool, function, work)))
            if not waiting:
                return
            work, future = waiting.popleft()
            result: Result | None
            try:
                result = future.result()
            except BrokenProcessPool:
                pool.shutdown(wait=False, cancel_futures=True)
                result = alone(function, work)
                pool = make_pool(processes)
                waiting = deque((other, _submit(pool, function, other)) for other, _ in waiting)
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, function: Callable[..., Result], work: Work) -> Future[Result]:
    try:
        return pool.submit(function, *work)
    except BrokenProcessPool as error:  # by work submitted before
        future: Future[Result] = Future()
        future.set_exception(error)
        return future


def call(function: Callable[..., Result], *work: Any) -> Result:
    """Run `function` in a process of its own.

    Raises
    ------
    InvalidInput
        When a file crashes that process; and whatever `function` raises.
    """
    with make_pool(1) as pool:
        try:
            return pool.submit(function, *work).result()
        except BrokenProcessPool as error:
            raise InvalidInput(CRASHED) from error


def alone(function: Callable[..., Result], work: Work) -> Result | None:
    """Run `function` in a process of its own; None when it crashes."""
    with make_pool(1) as pool:
        try:
            return pool.submit(function, *work).result()
        except BrokenProcessPool:
            return None
