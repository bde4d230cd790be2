"""Names of sources that are about to be made."""

from itertools import count

from lensapp.core.errors import InvalidInput
from lensapp.storage import sources
from lensapp.storage.workspace import Workspace


def free_name(ws: Workspace, stem: str) -> str:
    """Return the first of STEM1, STEM2, … that no source has."""
    taken = {source.name for source in sources.list_sources(ws.database)}
    return next(name for number in count(1) if (name := f"{stem}{number}") not in taken)


def name_taken(name: str) -> InvalidInput:
    """Return the error of a name that another source has."""
    return InvalidInput(f"There is a source called {name!r} already. Choose another name.")
