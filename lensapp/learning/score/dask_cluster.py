"""Reach the Dask cluster of an address."""

from typing import Any

from lensapp.core.errors import InvalidInput


def dask_client(url: str) -> Any:
    """Return a client of the Dask cluster whose scheduler listens at `url`.

    Raises
    ------
    InvalidInput
        When none answers.
    """
    from distributed import Client

    try:
        return Client(url, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"No Dask scheduler answers at {url!r} ({error}). Give an address such as tcp://host:8786, "
            "start one with 'dask scheduler', or leave --dask out."
        ) from error
