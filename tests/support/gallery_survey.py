"""A tiny survey of blobs on noise: what the tests of reviews and of the gallery look at."""

from typing import Any

import numpy as np

from lensapp.storage import datasets, runs, sources
from lensapp.storage.records import Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import pack_source

BANDS = ("g", "r", "i")


def blobs(count: int, *, size: int = 16, bands: int = 3, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    """Return float32 (count, size, size, bands): a blob of 20 noises in the middle, sky at 5."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    blob = 20 * np.exp(-(x**2 + y**2) / 8)
    pixels = 5 + blob[..., None] + rng.normal(size=(count, size, size, bands))
    return (pixels * scale).astype(np.float32)


def add_source(ws: Workspace, name: str, pixels: np.ndarray, *, bands: tuple[str, ...] = BANDS) -> Source:
    """Pack `pixels` and register them with IDs NAME-0000…, lenses first."""
    cutouts = [_cutout(name, row) for row in range(len(pixels))]
    return pack_source(ws, name, pixels, cutouts, bands=bands, zero_point=None)


def _cutout(name: str, row: int) -> dict[str, Any]:
    label = (None, "lens", "nonlens")[row % 3]
    position = {"ra_deg": 150 + row / 100, "dec_deg": 2.0}
    return {"row": row, "candidate_id": f"{name}-{row:04d}", "label": label} | position


def add_scores(ws: Workspace, source: Source, scores: dict[int, float], *, name: str = "run-1") -> Run:
    """Register a run that scored the cutouts at these rows."""
    dataset = datasets.create_dataset(
        ws.database,
        name=f"{name}-data",
        source_ids=[source.id],
        bands=BANDS,
        spec={},
        counts={},
        checksum="0" * 64,
        members=[],
    )
    run = runs.create_run(ws.database, name=name, dataset_id=dataset.id, model="none", spec={})
    ids = ids_by_row(ws, source)
    stored_scores.add_scores(ws, run.id, source.id, [ids[row] for row in scores], list(scores.values()))
    return run


def ids_by_row(ws: Workspace, source: Source) -> list[int]:
    """Return the cutout id of each row."""
    return list(sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"].tolist())
