"""How long each page takes in a large workspace: 10⁶ cutouts, 200 runs, 10⁵ votes.

For every page: seconds of its first drawing in a process that has drawn Home, those of the next, and of the
first after somebody has voted, without a browser (streamlit.testing). With --browser also in Chromium, from
the click on the page's name to its title and to the end of the run. Goal: settled within 0.4 s.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "benchmarks"), str(PROJECT / "tests")]

GOAL_SECONDS, FIRST_CONTENT_SECONDS = 0.4, 0.15
REVIEWS, INSPECTORS, EPOCHS, SCORING_RUNS = 10, 10, 30, 20
SIZE, BANDS = 16, ("g", "r", "i")
PART = 50_000
NETWORK_PAGES = ("evaluate", "score", "features")


def pages() -> dict[str, str]:
    """Return the title of each page by its name in the address, as the sidebar lists them."""
    from lensapp.ui.main import GROUPS

    return {name: title for entries in GROUPS.values() for name, title, _ in entries}


def make_workspace(folder: Path, *, cutouts: int, runs: int, votes: int) -> None:
    """Fill a workspace through its storage: pixels are zeros, scores and grades made up."""
    from lensapp.core.data.flux_units import factor_of_zero_point
    from lensapp.storage import sources
    from lensapp.storage.arrays import Packing, ShardWriter, write_flux_scales
    from lensapp.storage.columns.source_columns import complete_source
    from lensapp.storage.workspace import Workspace

    ws = Workspace.open(folder)
    source = sources.create_source(
        ws.database, name="sky", kind="import", bands=BANDS, height=SIZE, width=SIZE, slots=cutouts,
        pixel_scale_arcsec=0.2, spec={},
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for start in range(0, cutouts, PART):
        rows = range(start, min(start + PART, cutouts))
        mag = rng.uniform(18, 25, len(rows)).round(3).tolist()
        labels = np.where(rng.random(len(rows)) < 0.002, "lens", "nonlens").tolist()
        sources.add_cutouts(
            ws.database,
            source.id,
            [
                {"row": row, "candidate_id": f"J{row:07d}", "ra_deg": row * 1e-4, "dec_deg": 2.0}
                | {"label": label if row % 100 == 0 or label == "lens" else None}
                | {"properties": {"mag_i": one, "field": "EDF-N" if row % 3 else "EDF-S"}}
                for row, label, one in zip(rows, labels, mag, strict=True)
            ],
        )
    packing = Packing.plan(slots=source.slots, height=SIZE, width=SIZE, bands=BANDS)
    ShardWriter.create(ws.cutouts_folder("sky"), packing).finish()
    factors = [[factor_of_zero_point(27.0)] * len(BANDS)] * source.slots
    write_flux_scales(ws.cutouts_folder("sky"), packing, 0, factors)
    complete_source(ws, source.id, quality={})
    add_runs(ws, count=runs)
    add_votes(ws, count=votes)
    ws.database.close()


def add_runs(ws: Any, *, count: int) -> None:
    """Add finished runs of one dataset version; the last have scored the source."""
    from support.pages_workspace import add_evaluation, add_run

    from lensapp.storage import datasets, sources
    from lensapp.storage.scores import stored_scores

    source = sources.get_source(ws.database, "sky")
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    labelled = sources.cutout_columns(
        ws.database, [source.id], columns=("id", "label"), labelled_only=True
    )
    parts = np.array(["train", "validation", "test"])[np.arange(len(labelled["id"])) % 3]
    members = [
        {"cutout_id": key, "part": part, "label": label, "group_id": group, "fold": None, "label_from": None}
        for group, (key, part, label) in enumerate(
            zip(labelled["id"].tolist(), parts.tolist(), labelled["label"].tolist(), strict=True)
        )
    ]
    counts = {
        part: {label: int(((parts == part) & (labelled["label"] == label)).sum()) for label in ("lens", "nonlens")}
        for part in ("train", "validation", "test")
    }
    dataset = datasets.create_dataset(
        ws.database, name="sky-v1", source_ids=[source.id], bands=BANDS, spec={}, counts=counts,
        checksum="0", members=members,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    for number in range(count):
        run = add_run(ws, dataset, f"net-{number:03d}")
