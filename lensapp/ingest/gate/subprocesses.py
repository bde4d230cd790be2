"""Read files of others in processes of their own: a decoder that crashes takes no import with it."""

import hashlib
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from lensapp.core.errors import InvalidInput, LensAppError
from lensapp.ingest.gate.guards import guard_process
from lensapp.ingest.gate.limits import limits, variable
from lensapp.ingest.refusals import CRASHED

Result = TypeVar("Result")
Work = tuple[Any, ...]
# As in worker_settings, which only the pools import: the heap of a single call needs no settings.
SETTINGS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {
    "ARROW_DEFAULT_MEMORY_POOL": "system"
}
PRELOADED = ["lensapp.ingest.gate.worker_settings", "lensapp.ingest.cutout", "lensapp.ingest.plan"]
TRACEBACK = "Traceback (most recent call last)"
PACKAGE_ROOT = Path(__file__).resolve().parents[3]


def make_pool(processes: int) -> ProcessPoolExecutor:
    """Start a pool of processes that share nothing with this one."""
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(PRELOADED)
    return ProcessPoolExecutor(processes, mp_context=context, initializer=guard_process)


def alone(function: Callable[..., Result], *work: Any) -> Result | None:
    """Run `function` in a process of its own, in a pool of one; None when it crashes."""
    with make_pool(1) as pool:
        try:
            return pool.submit(function, *work).result()
        except BrokenProcessPool:
            return None


def in_order(
    function: Callable[..., Result], works: Iterable[Work], *, processes: int
) -> Generator[Result | None]:
    """Run `function` over `works` in parallel; yield results in the order of `works`.

    None stands for work that crashed its process, when it ran alone as well.
    """
    upcoming = iter(works)
    waiting: deque[tuple[Work, Future[Result]]] = deque()
    pool = make_pool(processes)

    def submit(work: Work) -> Future[Result]:
        try:
            return pool.submit(function, *work)
        except BrokenProcessPool as error:  # by work submitted before
            future: Future[Result] = Future()
            future.set_exception(error)
            return future

    try:
        while True:
            while len(waiting) <= 2 * processes and (work := next(upcoming, None)) is not None:
                waiting.append((work, submit(work)))
            if not waiting:
                return
            work, future = waiting.popleft()
            result: Result | None
            try:
                result = future.result()
            except BrokenProcessPool:
                pool.shutdown(wait=False, cancel_futures=True)
                result = alone(function, *work)
                pool = make_pool(processes)
                waiting = deque((other, submit(other)) for other, _ in waiting)
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def isolated(function: Callable[..., Result], *work: Any) -> Result:
    """Run `function` with the arguments `work` in a process started from nothing.

    The pools of `multiprocessing` make their children run the main script of their parent again; in the web
    process that is the whole page. This child runs nothing but the function.

    Raises
    ------
    InvalidInput
        When a file crashes that process.
    LensAppError
        Whatever `function` raises.
    """
    path = os.pathsep.join([str(PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    child = subprocess.run(
        [sys.executable, "-m", "lensapp.ingest.gate.subprocesses"],
        input=pickle.dumps((function, work)),
        capture_output=True,
        env={**os.environ, **SETTINGS, "PYTHONPATH": path},
        check=False,
    )
    if child.returncode:
        message = child.stderr.decode("utf-8", "replace")
        if child.returncode > 0 and TRACEBACK in message:
            raise RuntimeError(f"the isolated process failed: {message[-4000:]}")
        raise InvalidInput(CRASHED)  # by a signal, or by a library that ends the process when memory does
    answer: Result | LensAppError = pickle.loads(child.stdout)  # noqa: S301 - written by our own child
    if isinstance(answer, LensAppError):
        raise answer
    return answer


@dataclass(frozen=True)
class _Reading:
    """A file to be read, the same as another one of its name and content in whatever folder."""

    function: Callable[..., Any]
    name: str
    digest: str
    words: str
    path: Path = field(compare=False)
    options: tuple[Any, ...] = field(compare=False)


def isolated_once(function: Callable[..., Result], path: Path, *options: Any) -> Result:
    """Return what `isolated` gives for a file, which a page asks for with each change of its form.

    Of a file of the same name and content, with the same options, it is what was read before: whoever asks
    leaves it as it is.
    """
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    answer: Result = _read_once(_Reading(function, path.name, digest, repr(options), path, options))
    return answer


@lru_cache(maxsize=4)
def _read_once(asked: _Reading) -> Any:
    return isolated(asked.function, asked.path, *asked.options)


def main() -> None:
    """Answer one isolated call: function and arguments on standard input, result on standard output."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no answer
    guard_process()
    function, work = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own parent
    try:
        answer = function(*work)
    except LensAppError as error:
        answer = error
    except MemoryError:
        answer = InvalidInput(
            f"The file needs more memory than the {limits().memory_mib} MiB, and some for its size, that a "
            f"reader may take. Give a smaller one, or raise {variable('memory_mib')}."
        )
    with answers:
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main()
