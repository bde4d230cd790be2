"""Registered surveys without pixels, and votes on them, for tests of datasets and catalogues."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lensapp.storage import reviews, sources
from lensapp.storage.records import Review, Source
from lensapp.storage.workspace import Workspace


def add_source(
    ws: Workspace,
    name: str = "sky",
    *,
    count: int = 60,
    lens_every: int = 3,
    labelled: bool = True,
    bands: tuple[str, ...] = ("g", "r"),
    size: int = 8,
    pixel_scale_arcsec: float | None = 0.2,
    finished: bool = True,
    kind: str = "import",
    first_ra_deg: float = 10.0,
    cutouts: Iterable[dict[str, Any]] | None = None,
) -> Source:
    source = sources.create_source(
        ws.database, name=name, kind=kind, bands=bands, height=size, width=size, slots=count,
        pixel_scale_arcsec=pixel_scale_arcsec, spec={},
    )  # fmt: skip
    ordinary = [
        {
            "candidate_id": f"{name}-{row:03d}",
            "ra_deg": first_ra_deg + row * 0.01,
            "dec_deg": 0.0,
            "label": ("lens" if row % lens_every == 0 else "nonlens") if labelled else None,
            "pixels_sha256": f"{hash((name, row)) & (2**64 - 1):064x}",
            "properties": {"magnitude_r": 18.0 + row / 10, "magnitude_g": 19.0},
        }
        for row in range(count)
    ]
    rows = list(cutouts) if cutouts is not None else ordinary
    sources.add_cutouts(ws.database, source.id, [{"row": k} | row for k, row in enumerate(rows)])
    if finished:
        sources.finish_source(ws.database, source.id, quality={})
    return sources.get_source(ws.database, name)


def ids_of(ws: Workspace, source: Source) -> dict[str, int]:
    """Return the cutout id of each candidate id."""
    columns = sources.cutout_columns(ws.database, [source.id], columns=("id", "candidate_id"))
    return dict(zip(columns["candidate_id"], columns["id"].tolist(), strict=True))


def add_review(ws: Workspace, source: Source, name: str = "look", *, run_id: int | None = None) -> Review:
    queue = np.array(sorted(ids_of(ws, source).values()), np.int64)
    return reviews.create_review(
        ws.database, name=name, source_id=source.id, run_id=run_id, spec={}, queue=queue
    )


def add_votes(ws: Workspace, review: Review, inspector: str, grades: dict[int, str | None]) -> None:
    """Add one vote per cutout id, cast one second after another."""
    before = len(reviews.votes_of(ws.database))
    votes = [
        {
            "client": f"tab-{inspector}", "seq": before + k, "review_id": review.id, "cutout_id": cutout_id,
            "inspector": inspector, "grade": grade, "voted_at": 1000.0 + before + k,
        }
        for k, (cutout_id, grade) in enumerate(grades.items())
    ]  # fmt: skip
    reviews.add_votes(ws.database, votes)
