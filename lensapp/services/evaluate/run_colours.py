"""One colour for each run, the same beside whichever others it is drawn."""

from collections.abc import Sequence

from lensapp.storage import runs
from lensapp.storage.workspace import Workspace


def colours_of_runs(ws: Workspace, names: Sequence[str], colours: Sequence[str]) -> list[str]:
    """Return the colour of each run: by its number, or the next that is free where another here has that."""
    numbers = {run.name: run.id for run in runs.list_runs(ws.database)}
    chosen: list[str] = []
    for name in names:
        first = (numbers.get(name, 1) - 1) % len(colours)
        ranked = [*colours[first:], *colours[:first]]
        chosen.append(next((colour for colour in ranked if colour not in chosen), ranked[0]))
    return chosen
