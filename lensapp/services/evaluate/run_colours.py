"""One colour and one dash for each run, on every page and beside whichever others it is drawn."""

from collections.abc import Sequence

from lensapp.storage import runs
from lensapp.storage.workspace import Workspace

DASH_OF_COLOUR = (0, 1, 2, 3, 0, 2, 3, 1)
"""Dash of the runs that have each colour first: colours of much the same hue have different ones."""
DASH_COUNT = 4


def colours_of_runs(ws: Workspace, names: Sequence[str], colours: Sequence[str]) -> list[str]:
    """Return the colour of each run, by `places_of_runs`."""
    return [colours[place] for place in places_of_runs(ws, names, len(colours))]


def places_of_runs(ws: Workspace, names: Sequence[str], count: int) -> list[int]:
    """Return which of `count` colours each run has: by its number, whatever is drawn beside it.

    Two runs whose numbers are `count` apart share a colour; their dashes tell them apart.
    """
    return [number % count for number in _numbers(ws, names)]


def dashes_of_runs(ws: Workspace, names: Sequence[str]) -> list[int]:
    """Return which of the dashes of lines each run has; the same colour comes with another dash each time."""
    many = len(DASH_OF_COLOUR)
    return [(DASH_OF_COLOUR[number % many] + number // many) % DASH_COUNT for number in _numbers(ws, names)]


def _numbers(ws: Workspace, names: Sequence[str]) -> list[int]:
    """Return the number of each run, from 0 on; of one that is no longer there that of the first."""
    numbers = {run.name: run.id for run in runs.list_runs(ws.database)}
    return [numbers.get(name, 1) - 1 for name in names]
