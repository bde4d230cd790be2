"""Run one function in a process of its own, started from nothing.

The pools of `multiprocessing` make their children run the main script of their parent again; in the web
process that is the whole page. This child runs nothing but the function.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lensapp.core.errors import InvalidInput, LensAppError
from lensapp.ingest.refusals import CRASHED

Result = TypeVar("Result")
PACKAGE_ROOT = Path(__file__).resolve().parents[2]


def isolated(function: Callable[..., Result], *work: Any) -> Result:
    """Run `function` with the arguments `work` in a process of its own.

    Raises
    ------
    InvalidInput
        When a file crashes that process.
    LensAppError
        Whatever `function` raises.
    """
    path = os.pathsep.join([str(PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    child = subprocess.run(
        [sys.executable, "-m", "lensapp.ingest.isolated_call"],
        input=pickle.dumps((function, work)),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    if child.returncode > 0:
        raise RuntimeError(f"the isolated process failed: {child.stderr.decode('utf-8', 'replace')[-4000:]}")
    if child.returncode < 0:
        raise InvalidInput(CRASHED)
    answer: Result | LensAppError = pickle.loads(child.stdout)  # noqa: S301 - written by our own child
    if isinstance(answer, LensAppError):
        raise answer
    return answer


def main() -> None:
    """Answer one call: function and arguments on standard input, result on standard output."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no answer
    function, work = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own parent
    try:
        answer = function(*work)
    except LensAppError as error:
        answer = error
    with answers:
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main()
