"""Names of sources that are about to be made."""

from itertools import count

from lensapp.core.errors import InvalidInput
from lensapp.storage import sources
from lensapp.storage.workspace import Workspace


def free_name(ws: Workspace, stem: str, *, beside: str = "") -> str:
    """Return the first of STEM1, STEM2, … that no source has, deleted ones as well.

    Nor is there one of that name with `beside` after it.
    """
    taken = sources.taken_names(ws.database)
    return next(
        name for number in count(1) if taken.isdisjoint({name := f"{stem}{number}", f"{name}{beside}"})
    )


def name_taken(name: str) -> InvalidInput:
    """Return the error of a name that another source has."""
    return InvalidInput(f"There is a source called {name!r} already. Choose another name.")
