"""A survey of 8×8 cutouts written straight into a workspace, for tests of pages and services."""

import numpy as np

from lensapp.storage import sources
from lensapp.storage.arrays import Packing, ShardWriter
from lensapp.storage.records import Rejection, Source
from lensapp.storage.workspace import Workspace

BANDS = ("g", "r", "i")
SIZE = 8


def make_survey(workspace: Workspace, *, name: str = "small", count: int = 20) -> Source:
    """Register `count` cutouts, every fourth a lens, one of them masked, two files rejected."""
    rng = np.random.default_rng(7)
    source = sources.create_source(
        workspace.database,
        name=name,
        kind="images",
        bands=BANDS,
        height=SIZE,
        width=SIZE,
        slots=count,
        pixel_scale_arcsec=0.25,
        spec={},
    )
    packing = Packing.plan(slots=count, height=SIZE, width=SIZE, bands=BANDS)
    writer = ShardWriter.create(workspace.cutouts_folder(name), packing)
    for row in range(count):
        pixels = rng.normal(0, 1, (SIZE, SIZE, len(BANDS))).astype(np.float32)
        pixels[3:5, 3:5] += 20 + row
        if row == 1:
            pixels[0] = np.nan
        writer.write(row, pixels)
    writer.finish()
    sources.add_cutouts(workspace.database, source.id, [_row(name, row) for row in range(count)])
    rejected = [
        Rejection("a.fits", "all_nan", "Expected pixels, received only NaN."),
        Rejection("b.fits", "unreadable", "Expected FITS, received 3 bytes."),
    ]
    sources.add_rejections(workspace.database, source.id, rejected)
    sources.finish_source(workspace.database, source.id, quality={"warnings": ["One cutout is masked."]})
    return sources.get_source(workspace.database, name)


def _row(name: str, row: int) -> dict[str, object]:
    return {
        "row": row,
        "candidate_id": f"{name}-<b>{row}</b>",
        "ra_deg": 150.0 + 0.05 * row,
        "dec_deg": 2.0 + 0.03 * (row % 5),
        "position_from": "catalogue",
        "label": "lens" if row % 4 == 0 else "nonlens",
        "object_class": "lens" if row % 4 == 0 else "spiral",
        "masked_fraction": 1 / SIZE if row == 1 else 0.0,
        "perceptual_hash": f"{(row * 0x9E3779B97F4A7C15) % 2**64:016x}",
        "pixels_sha256": f"{row:064x}",
        "properties": {"magnitude_r": 18 + 0.1 * row},
    }
