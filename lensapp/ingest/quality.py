"""Describe the pixels of a packed source: quantiles, histograms and warnings."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.ingest.journal import ChunkNote
from lensapp.storage.arrays import PackedCutouts

SAMPLED_CUTOUTS = 1000
READ_AT_ONCE = 50
PIXELS_PER_BAND = 200_000
QUANTILES = (0.0, 0.001, 0.01, 0.16, 0.5, 0.84, 0.99, 0.999, 1.0)
BINS = 100
MOSTLY_ZERO = 0.5

WARNINGS = {
    "no_catalogue_row": "{n} of {total} cutouts have no row in the catalogue.",
    "header_position_elsewhere": "{n} headers point outside their cutout: catalogue positions were taken.",
    "other_pixel_scale": "{n} of {total} cutouts have another pixel scale than the source.",
    "label:None": "{n} of {total} cutouts have no label.",
}


def describe_bands(
    packed: PackedCutouts, rows: NDArray[np.int64], notes: Sequence[ChunkNote]
) -> dict[str, Any]:
    """Return quantiles, histogram and masked pixels of each band.

    Quantiles and histograms are of a random sample of at most 1000 cutouts; masked pixels are counted
    over all.
    """
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(rows, min(SAMPLED_CUTOUTS, len(rows)), replace=False))
    per_cutout = max(1, PIXELS_PER_BAND // max(len(chosen), 1))
    samples = [_sample(packed.read(part), per_cutout, rng) for part in _parts(chosen)]
    values = np.concatenate(samples) if samples else np.empty((0, len(packed.bands)), np.float32)
    report = {}
    for place, band in enumerate(packed.bands):
        report[band] = _describe(values[:, place])
        report[band]["nan"] = sum(note.nan[place] for note in notes if note.nan)
        report[band]["sentinel"] = sum(note.sentinel[place] for note in notes if note.sentinel)
    return report


def _parts(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[start : start + READ_AT_ONCE] for start in range(0, len(rows), READ_AT_ONCE)]


def _sample(pixels: NDArray[np.float32], per_cutout: int, rng: np.random.Generator) -> NDArray[np.float32]:
    flat = pixels.reshape(-1, pixels.shape[-1])
    count = min(len(flat), per_cutout * len(pixels))
    return flat if count == len(flat) else flat[rng.integers(0, len(flat), count)]


def _describe(values: NDArray[np.float32]) -> dict[str, Any]:
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return {"quantiles": {}, "histogram": {"edges": [], "counts": []}, "zero_share": 0.0}
    levels = np.quantile(finite, QUANTILES)
    low, high = float(levels[1]), float(levels[-2])
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(np.clip(finite, low, high), BINS, range=(low, high))
    return {
        "quantiles": {f"{share:g}": float(level) for share, level in zip(QUANTILES, levels, strict=True)},
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        "zero_share": float(np.mean(finite == 0.0)),
    }


def total_counts(notes: Sequence[ChunkNote]) -> Counter[str]:
    """Return the counts of all chunks together."""
    total: Counter[str] = Counter()
    for note in notes:
        total.update(note.counts)
    return total


def count_warnings(counts: Counter[str], accepted: int) -> list[str]:
    """Return a sentence for each count worth a warning."""
    labelled = counts["label:lens"] + counts["label:nonlens"]
    return [
        text.format(n=counts[name], total=accepted)
        for name, text in WARNINGS.items()
        if counts[name] and (name != "label:None" or labelled)
    ]


def band_warnings(bands: dict[str, Any]) -> list[str]:
    """Return a sentence for each band whose pixels look odd."""
    found = []
    for name, band in bands.items():
        if band["sentinel"]:
            found.append(f"Band {name}: {band['sentinel']} pixels held a 'no data' value and were masked.")
        if band["nan"]:
            found.append(f"Band {name}: {band['nan']} pixels were NaN or infinite.")
        if band["zero_share"] > MOSTLY_ZERO:
            found.append(f"Band {name}: {band['zero_share']:.0%} of the pixels are exactly zero.")
    return found
