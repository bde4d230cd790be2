"""Small surveys written straight into a workspace, with pixels or without, and votes on them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lensapp.core.data.flux_units import factor_of_zero_point
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.arrays import Packing, ShardWriter, write_flux_scales
from lensapp.storage.features import features_folder, open_store
from lensapp.storage.files import NETWORK, checksum_of
from lensapp.storage.records import Rejection, Review, Run, Source
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
            "pixels_digest": f"{hash((name, row)) & (2**64 - 1):064x}",
            "properties": {"magnitude_r": 18.0 + row / 10, "magnitude_g": 19.0},
        }
        for row in range(count)
    ]
    rows = list(cutouts) if cutouts is not None else ordinary
    sources.add_cutouts(ws.database, source.id, [{"row": k} | row for k, row in enumerate(rows)])
    if finished:
        sources.finish_source(ws.database, source.id, quality={})
    return sources.get_source(ws.database, name)


def pack_source(
    ws: Workspace,
    name: str,
    pixels: np.ndarray,
    cutouts: Sequence[dict[str, Any]],
    *,
    bands: tuple[str, ...] = ("g", "r", "i"),
    kind: str = "demo",
    pixel_scale_arcsec: float | None = 0.2,
    rejections: Sequence[Rejection] = (),
    warnings: Sequence[str] = (),
    zero_point: float | None = 27.0,
) -> Source:
    """Pack `pixels` (n, y, x, band) at the `row` that each of the `cutouts` names, and register them."""
    _, height, width, _ = pixels.shape
    slots = max(cutout["row"] for cutout in cutouts) + 1
    source = sources.create_source(
        ws.database, name=name, kind=kind, bands=bands, height=height, width=width, slots=slots,
        pixel_scale_arcsec=pixel_scale_arcsec, spec={},
    )  # fmt: skip
    plan = Packing.plan(slots=slots, height=height, width=width, bands=bands)
    writer = ShardWriter.create(ws.cutouts_folder(name), plan)
    for cutout, image in zip(cutouts, pixels, strict=True):
        writer.write(cutout["row"], image)
    if zero_point is not None:
        scales = np.full((slots, len(bands)), factor_of_zero_point(zero_point))
        write_flux_scales(ws.cutouts_folder(name), plan, 0, scales)
    writer.finish()
    sources.add_cutouts(ws.database, source.id, list(cutouts))
    sources.add_rejections(ws.database, source.id, rejections)
    sources.finish_source(ws.database, source.id, quality={"warnings": list(warnings)} if warnings else {})
    return sources.get_source(ws.database, name)


def red_galaxies(
    ws: Workspace, *, zero_point: float, noise: float, count: int = 60, size: int = 48
) -> Source:
    """Pack round red galaxies of one magnitude on white noise as "sky"; every other has twice the seeing.

    `noise` is that of a pixel of 0.25 arcsec, in flux of the zero point.
    """
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    light = np.exp(-(x**2 + y**2) / 2 / 3.0**2) / (2 * np.pi * 3.0**2)
    flux = 10 ** (-0.4 * (18.5 + np.array([1.6, 0.4, 0.0]) - zero_point))
    pixels = light[None, ..., None] * flux + rng.normal(0, noise, (count, size, size, 3))
    rows = [
        {"row": row, "candidate_id": f"sky-{row:03d}", "label": "nonlens", "ra_deg": 150 + row / 10,
         "dec_deg": 2.0, "properties": {"seeing_arcsec": 1.0 + row % 2}}
        for row in range(count)
    ]  # fmt: skip
    return pack_source(
        ws, "sky", pixels.astype(np.float32), rows, pixel_scale_arcsec=0.25, zero_point=zero_point
    )


def run_trained_on(ws: Workspace, source: Source, *, first: int = 20) -> Run:
    """Return a run whose training part are the first cutouts of a source; it has no network."""
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    members = [
        {"cutout_id": int(key), "part": "train" if place < first else "test", "label": "nonlens",
         "group_id": int(key), "fold": None, "label_from": "import"}
        for place, key in enumerate(ids)
    ]  # fmt: skip
    dataset = datasets.create_dataset(
        ws.database, name=f"{source.name}-v1", source_ids=[source.id], bands=source.bands, spec={}, counts={},
        checksum="0", members=members,
    )  # fmt: skip
    return runs.create_run(ws.database, name="first", dataset_id=dataset.id, model="elu_cnn", spec={})


def make_survey(workspace: Workspace, *, name: str = "small", count: int = 20) -> Source:
    """Pack `count` cutouts of 8×8 pixels, every fourth a lens, one of them masked, two files rejected."""
    pixels = np.random.default_rng(7).normal(0, 1, (count, 8, 8, 3)).astype(np.float32)
    pixels[:, 3:5, 3:5] += 20 + np.arange(count, dtype=np.float32)[:, None, None, None]
    pixels[1, 0] = np.nan
    return pack_source(
        workspace,
        name,
        pixels,
        [_surveyed(name, row) for row in range(count)],
        kind="images",
        pixel_scale_arcsec=0.25,
        rejections=[
            Rejection("a.fits", "all_nan", "Expected pixels, received only NaN."),
            Rejection("b.fits", "unreadable", "Expected FITS, received 3 bytes."),
        ],
        warnings=["One cutout is masked."],
    )


def _surveyed(name: str, row: int) -> dict[str, object]:
    return {
        "row": row,
        "candidate_id": f"{name}-<b>{row}</b>",
        "ra_deg": 150.0 + 0.05 * row,
        "dec_deg": 2.0 + 0.03 * (row % 5),
        "position_from": "catalogue",
        "label": "lens" if row % 4 == 0 else "nonlens",
        "object_class": "lens" if row % 4 == 0 else "spiral",
        "masked_fraction": 1 / 8 if row == 1 else 0.0,
        "perceptual_hash": f"{(row * 0x9E3779B97F4A7C15) % 2**64:016x}",
        "pixels_digest": f"{row:064x}",
        "properties": {"magnitude_r": 18 + 0.1 * row},
    }


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


def store_features(
    ws: Workspace, source: Source, features: np.ndarray, *, run_name: str, network: bytes = b"a network"
) -> np.ndarray:
    """Store features of a source through a run, with a file in place of its network; return the cutouts."""
    path = ws.run_folder(run_name) / NETWORK
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(network)
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    folder = features_folder(ws, run_name, source.name)
    store = open_store(folder, ids, features.shape[1], checksum=checksum_of(path))
    store.values[:] = features
    store.advance(len(ids))
    return ids


def add_features(ws: Workspace, features: np.ndarray) -> np.ndarray:
    """Store features of the source "sky" through the run "first" and return the cutouts."""
    source = add_source(ws, count=len(features))
    dataset = datasets.create_dataset(
        ws.database, name="v1", source_ids=[source.id], bands=("g", "r"), spec={}, counts={},
        checksum="0" * 64, members=[],
    )  # fmt: skip
    runs.create_run(ws.database, name="first", dataset_id=dataset.id, model="elu_cnn", spec={})
    return store_features(ws, source, features, run_name="first")
