"""Rename sources, dataset versions, runs and reviews."""

from functools import partial

from lensapp.core.acting import needs
from lensapp.core.errors import InvalidInput
from lensapp.services.care.dependents import PAYLOAD_KEYS, find_item, makes_item
from lensapp.services.care.removal import refuse_busy
from lensapp.storage.care import renames
from lensapp.storage.workspace import Workspace

SPEC_KEYS = {"source": ("also_sources",), "run": ("also_runs", "committee")}
"""Keys of specifications, besides those of payloads, under which items are named."""


@needs("keep")
def rename(ws: Workspace, kind: str, name: str, new: str) -> None:
    """Give an item another name everywhere; addresses and commands that name the old one find it no more.

    Checksums of dataset versions go by the first name of their sources and stay.

    Raises
    ------
    NotFound
        When there is none of that kind and name.
    InvalidInput
        When the new name is taken or not possible, or a job works on the item.
    """
    item = find_item(ws, kind, name)
    if new == name:
        raise InvalidInput(f"It is called {name} already. Give another name.")
    refuse_busy(ws, [item])
    keys = (*PAYLOAD_KEYS[kind], *SPEC_KEYS.get(kind, ()))
    renames.rename(ws, item, new, keys=keys, is_name=partial(makes_item, item=item))
