"""Commands as they are typed here: with the interpreter that runs this program, and the workspace open."""

import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

USUAL_WORKSPACE = "workspace"  # below the current folder


def as_typed_here(command: str, *, workspace: Path | None = None) -> str:
    """Return a command of this program as it can be copied into a shell that was opened in the same folder.

    Parameters
    ----------
    command
        As in "worker" or "features first survey".
    workspace
        Folder that it is about, named where it is not the usual one.
    """
    usual = Path(USUAL_WORKSPACE).absolute()
    named = workspace is not None and workspace.absolute() != usual
    where = f" --workspace {shlex.quote(str(workspace))}" if named else ""
    return f"{interpreter()} -m lensapp {command}{where}"


@cache
def interpreter() -> str:
    """Return what to type for the Python that runs this: "python" in an environment that is active."""
    executable, on_path = Path(sys.executable), shutil.which("python")
    if on_path is not None and Path(on_path).absolute().parent == executable.parent:
        return "python"
    here = Path.cwd()
    typed = executable.relative_to(here) if executable.is_relative_to(here) else executable
    return shlex.quote(str(typed))
