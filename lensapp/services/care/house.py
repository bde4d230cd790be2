"""What is done once a day while the web app runs."""

import asyncio
import logging

from lensapp.core.acting import acting_as, this_program
from lensapp.core.errors import LensAppError
from lensapp.core.logs import LOGGER
from lensapp.services.care.removal import DAY, empty_trash
from lensapp.storage.workspace import Workspace

LOG = logging.getLogger(f"{LOGGER}.house")


async def keep_house(ws: Workspace) -> None:
    """Remove each day what has been in the trash for 30 days."""
    while not ws.database.read_only:
        try:
            with acting_as(this_program()):
                gone = await asyncio.to_thread(empty_trash, ws)
        except (LensAppError, OSError) as error:
            LOG.warning("The trash was not emptied: %s", error)
        else:
            if gone["removed"]:
                LOG.info("Removed from the trash after 30 days: %s", ", ".join(gone["removed"]))
        await asyncio.sleep(DAY)
