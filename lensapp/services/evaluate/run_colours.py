"""One colour for each run, the same beside whichever others it is drawn."""

from collections.abc import Sequence

from lensapp.core.colours import HUES
from lensapp.storage import runs
from lensapp.storage.workspace import Workspace


def colours_of_runs(ws: Workspace, names: Sequence[str], colours: Sequence[str]) -> list[str]:
    """Return the colour of each run, by `places_of_runs`."""
    return [colours[place] for place in places_of_runs(ws, names, len(colours))]


def places_of_runs(ws: Workspace, names: Sequence[str], count: int) -> list[int]:
    """Return which of `count` colours each run has: by its number, or the next that fewer older ones have.

    Those beyond the first `HUES` are of much the same hues: they come where more runs are drawn together.
    """
    numbers = {run.name: run.id for run in runs.list_runs(ws.database)}
    firsts = [numbers.get(name, 1) - 1 for name in names]
    chosen: dict[int, int] = {}  # by the place of a name
    for place in sorted(range(len(names)), key=firsts.__getitem__):
        hues = min(HUES, count)
        ranked = [(firsts[place] + k) % hues for k in range(hues)] + list(range(hues, count))
        chosen[place] = min(ranked, key=[*chosen.values()].count)
    return [chosen[place] for place in range(len(names))]
