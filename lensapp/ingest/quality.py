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
    "catalogue_rows_differ": "{n} of {total} cutouts have several rows in the catalogue that differ: the "
    "first is taken.",
    "header_position_elsewhere": "{n} headers point outside their cutout: catalogue positions are used.",
    "other_pixel_scale": "{n} of {total} cutouts have another pixel scale than the source.",
    "label:None": "{n} of {total} cutouts have no label.",
}
ALL_ELSEWHERE = (
    "All {n} headers place their cutouts elsewhere than the catalogue, whose positions are used: it may be "
    "of other objects, or its right ascension and declination may stand in other columns. Check a few "
    "before you go on."
)


def describe_bands(
    packed: PackedCutouts, rows: NDArray[np.int64], notes: Sequence[ChunkNote]
) -> dict[str, Any]:
    """Return quantiles, histogram and masked pixels of each band.

    Quantiles and histograms are of a random sample of at most 1000 cutouts; masked pixels are counted
    over all.
    """
    rng = np.random.default_rng(0)
    sample = np.sort(rng.choice(rows, min(SAMPLED_CUTOUTS, len(rows)), replace=False))
    per_cutout = max(1, PIXELS_PER_BAND // max(len(sample), 1))
    values = [np.empty((0, len(packed.bands)), np.float32)]
    for start in range(0, len(sample), READ_AT_ONCE):
        pixels = packed.read(sample[start : start + READ_AT_ONCE])
        flat = pixels.reshape(-1, len(packed.bands))
        count = min(len(flat), per_cutout * len(pixels))
        values.append(flat if count == len(flat) else flat[rng.integers(0, len(flat), count)])
    by_band = np.concatenate(values).T
    report = {}
    for index, band in enumerate(packed.bands):
        finite = by_band[index][np.isfinite(by_band[index])].astype(np.float64)
        figures: dict[str, Any] = {
            "quantiles": {},
            "histogram": {"edges": [], "counts": []},
            "zero_share": 0.0,
            "nan": sum(note.nan[index] for note in notes if note.nan),
            "sentinel": sum(note.sentinel[index] for note in notes if note.sentinel),
        }
        if finite.size:
            levels = np.quantile(finite, QUANTILES).tolist()
            figures["quantiles"] = {
                f"{share:g}": level for share, level in zip(QUANTILES, levels, strict=True)
            }
            low, high = levels[1], levels[-2]
            if low == high:
                low, high = low - 0.5, high + 0.5
            counts, edges = np.histogram(np.clip(finite, low, high), BINS, range=(low, high))
            figures["histogram"] = {"edges": edges.tolist(), "counts": counts.tolist()}
            figures["zero_share"] = float(np.mean(finite == 0.0))
        report[band] = figures
    return report


def total_counts(notes: Sequence[ChunkNote]) -> Counter[str]:
    """Return the counts of all chunks together."""
    return sum((Counter(note.counts) for note in notes), Counter())


def count_warnings(counts: Counter[str], accepted: int) -> list[str]:
    """Return a sentence for each count worth a warning."""
    labelled = counts["label:lens"] + counts["label:nonlens"]
    texts = dict(WARNINGS)
    if 1 < counts["header_position_elsewhere"] == counts["header_and_catalogue"]:
        texts["header_position_elsewhere"] = ALL_ELSEWHERE
    return [
        text.format(n=counts[name], total=accepted)
        for name, text in texts.items()
        if counts[name] and (name != "label:None" or labelled)
    ]


def band_warnings(bands: dict[str, Any]) -> list[str]:
    """Return a sentence for each band whose pixels look odd."""
    warnings = []
    for name, band in bands.items():
        if band["sentinel"]:
            warnings.append(f"Band {name}: {band['sentinel']} pixels held a 'no data' value and were masked.")
        if band["nan"]:
            warnings.append(f"Band {name}: {band['nan']} pixels were NaN or infinite.")
        if band["zero_share"] > MOSTLY_ZERO:
            warnings.append(f"Band {name}: {100 * band['zero_share']:.0f} % of the pixels are exactly zero.")
    return warnings
