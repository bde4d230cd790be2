"""Send a table to TOPCAT, Aladin and other tools of astronomy on this machine, by SAMP."""

import warnings
from pathlib import Path
from typing import Any

import lensapp
from lensapp.core.errors import InvalidInput, StorageError

with warnings.catch_warnings():
    # astropy 8 announces that a later version leaves this part to pyvo; the versions here are pinned.
    warnings.simplefilter("ignore")
    from astropy.samp import SAMPClientError, SAMPHubError, SAMPIntegratedClient, SAMPProxyError

TABLE_MESSAGE = "table.load.votable"
THIS_MACHINE = "127.0.0.1"


def send_table(path: Path, *, name: str) -> list[str]:
    """Ask every tool that can to load a VOTable; return the tools' names.

    Parameters
    ----------
    path
        A VOTable on this machine; the tools read it there, so it must stay.
    name
        What they shall call the table.

    Raises
    ------
    StorageError
        When no SAMP hub runs on this machine, or it does not answer.
    InvalidInput
        When no tool that is connected takes tables.

    References
    ----------
    IVOA SAMP 1.3; its message type table.load.votable.
    """
    client = SAMPIntegratedClient(
        name="lensapp", description="Strong gravitational lenses", addr=THIS_MACHINE, callable=False,
        metadata={"author.name": "lensapp", "lensapp.version": lensapp.__version__},
    )  # fmt: skip
    try:
        client.connect()
        return ask_to_load(client, path, name)
    except (SAMPHubError, SAMPClientError, SAMPProxyError, OSError) as error:
        raise StorageError(
            f"No SAMP hub answers on this machine ({str(error).rstrip('.') or type(error).__name__}). "
            "Start TOPCAT or Aladin on the machine where this program runs, then send again."
        ) from error
    finally:
        if client.is_connected:
            client.disconnect()


def ask_to_load(client: SAMPIntegratedClient, path: Path, name: str) -> list[str]:
    """Ask every connected tool that takes tables to load one; return their names."""
    message: dict[str, Any] = {
        "samp.mtype": TABLE_MESSAGE,
        "samp.params": {"url": path.resolve().as_uri(), "table-id": f"lensapp-{name}", "name": name},
    }
    receivers = sorted(client.get_subscribed_clients(TABLE_MESSAGE))
    if not receivers:
        raise InvalidInput("The SAMP hub has no tool that takes tables. Connect TOPCAT or Aladin to it.")
    for receiver in receivers:
        client.notify(receiver, message)
    return [str(client.get_metadata(one).get("samp.name", one)) for one in receivers]
