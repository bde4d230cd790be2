"""Register cutouts that stay in their tiles: where they lie is stored, and their rows of the database."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.progress import Report, ShouldStop
from lensapp.ingest.cutout import Prepared
from lensapp.ingest.import_run import ImportRun
from lensapp.ingest.journal import ChunkNote
from lensapp.ingest.refusals import Refused
from lensapp.ingest.tiles.tile_plan import TileCandidates
from lensapp.storage import sources
from lensapp.storage.tiles.tiled_cutouts import TilePlaces, TileSet, write_tiled

ROWS_AT_ONCE = 10_000


def register_places(run: ImportRun, *, report: Report, should_stop: ShouldStop) -> None:
    """Store where the candidates of an import lie, and their rows; those of an earlier run are kept.

    Their pixels are not read: what is masked in them is not counted, and equal pixels are not found out.

    Raises
    ------
    JobCancelled
        When `should_stop` asked for it; what was done is kept.
    """
    candidates, recipe = run.plan.candidates, run.plan.recipe
    if not isinstance(candidates, TileCandidates) or recipe.tiles is None:
        raise InvalidInput("Only cutouts of tiles can stay where they are. Choose the layout tiles.")
    masked = _masked_fractions(candidates.places, recipe.tiles, recipe.height)
    run.folder.mkdir(parents=True, exist_ok=True)
    run.journal.start(run.notes)
    done = {note.chunk for note in run.notes}
    starts = range(0, len(candidates), ROWS_AT_ONCE)
    for number, start in enumerate(starts):
        if number in done:
            continue
        note, rows = ChunkNote(number), []
        for row, candidate in enumerate(candidates[start : start + ROWS_AT_ONCE], start):
            pointing = candidate.place.pointing if candidate.place else None
            prepared = Prepared("", float(masked[row]), ((0, 0),) * len(recipe.bands), pointing)
            try:
                columns = run.joiner.columns(row, candidate, prepared, note)
            except Refused as refused:
                note.rejected.append((candidate.candidate_id, refused.code, refused.reason))
                continue
            rows.append(columns | {"pixels_digest": None, "perceptual_hash": None})
        note.accepted = len(rows)
        sources.add_cutouts(run.ws.database, run.source.id, rows)
        run.journal.add(note)
        run.notes.append(note)
        finished = min(start + ROWS_AT_ONCE, len(candidates))
        report(
            {
                "fraction": finished / len(candidates),
                "message": f"{finished} of {len(candidates)} candidates",
                "rate": None,
                "seconds_left": None,
            }
        )
        if should_stop() is not None and finished < len(candidates):
            raise JobCancelled(f"The import of {run.source.name} was stopped; run it again to continue.")
    write_places(run, run.folder)


def write_places(run: ImportRun, folder: Path) -> None:
    """Store in `folder` where the candidates of an import lie in their tiles."""
    candidates, recipe = run.plan.candidates, run.plan.recipe
    if not isinstance(candidates, TileCandidates) or recipe.tiles is None:
        raise InvalidInput("Only cutouts of tiles can stay where they are. Choose the layout tiles.")
    write_tiled(
        folder,
        bands=recipe.bands,
        size=recipe.height,
        tiles=recipe.tiles,
        places=candidates.places,
        tile_scales=np.array(recipe.tile_scales, np.float64),
    )


def _masked_fractions(places: TilePlaces, tiles: TileSet, size: int) -> NDArray[np.float64]:
    """Return the fraction of each cutout that lies beyond the edge of its tile; of another grid none."""
    width = np.array([tile.width for tile in tiles.tiles])[places.tile]
    height = np.array([tile.height for tile in tiles.tiles])[places.tile]
    covered_x = np.minimum(places.left + size, width) - np.maximum(places.left, 0)
    covered_y = np.minimum(places.bottom + size, height) - np.maximum(places.bottom, 0)
    masked = 1.0 - np.clip(covered_x, 0, size) * np.clip(covered_y, 0, size) / size**2
    masked[:, list(places.affines)] = 0.0
    fractions: NDArray[np.float64] = masked.mean(1)
    return fractions
