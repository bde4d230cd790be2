"""A simulated survey: lenses and what is mistaken for them, as pixels with the truth beside them."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.simulation.blocks import BLOCK_SIZE, LENS, Block, simulate_block

BandName = Literal["u", "g", "r", "i", "z", "y"]


class DemoSpec(Spec):
    """Settings of a simulated survey."""

    count: int = Field(2000, ge=1, le=2_000_000, description="Number of cutouts")
    lens_fraction: float = Field(0.2, ge=0, le=1, description="Share of lenses among the cutouts")
    size: int = Field(64, ge=24, le=256, description="Width and height of a cutout in pixels")
    bands: tuple[BandName, ...] = Field(
        ("g", "r", "i"), min_length=1, max_length=6, description="Bands in the order of the channels"
    )
    seed: int = Field(1, ge=0, lt=2**32, description="Seed of all random numbers: same seed, same survey")
    pixel_scale_arcsec: float = Field(0.25, ge=0.1, le=0.5, description="Width of a pixel in arcsec")

    @field_validator("bands")
    @classmethod
    def _differ(cls, bands: tuple[BandName, ...]) -> tuple[BandName, ...]:
        if len(set(bands)) != len(bands):
            raise ValueError("expected bands that differ, name each band once")
        return bands


@dataclass(frozen=True)
class SimulatedCutout:
    """The truth about one cutout: where it is, what it shows, and what that was made of."""

    candidate_id: str
    ra_deg: float
    dec_deg: float
    label: Literal["lens", "nonlens"]
    object_class: str
    parent: str
    properties: dict[str, Any]


@dataclass(frozen=True)
class SimulatedBatch:
    """Cutouts `start` … `start + n` of a survey.

    Attributes
    ----------
    pixels
        Counts at AB zero point 27, shape (n, height, width, bands), NaN where masked.
    truth
        One record per cutout.
    """

    start: int
    pixels: NDArray[np.float32]
    truth: list[SimulatedCutout]


FIELD_CENTRE_DEG = (150.0, 2.0)
FIELD_WIDTH_DEG = 3.0


def block_ranges(spec: DemoSpec) -> list[tuple[int, int]]:
    """Return (start, stop) of the blocks of a survey, the cheapest parts to ask `simulate` for."""
    return [(start, min(start + BLOCK_SIZE, spec.count)) for start in range(0, spec.count, BLOCK_SIZE)]


def simulate(spec: DemoSpec, *, start: int = 0, stop: int | None = None) -> SimulatedBatch:
    """Simulate the cutouts from `start` up to `stop` (default: all) of a survey.

    A cutout depends on `spec` alone, never on how the survey is cut into parts.

    Raises
    ------
    InvalidInput
        When the range does not lie within the survey.
    """
    stop = spec.count if stop is None else stop
    if not 0 <= start < stop <= spec.count:
        raise InvalidInput(
            f"Expected 0 <= start < stop <= {spec.count} (the count), received {start} and {stop}. "
            "Ask for cutouts of the survey."
        )
    parts, truth = [], []
    for first in range(start - start % BLOCK_SIZE, stop, BLOCK_SIZE):
        block, sky = _simulated(spec, first)
        inside = slice(max(start - first, 0), min(stop - first, len(block.classes)))
        parts.append(block.pixels[inside])
        truth += [_truth(spec, first, place, block, sky) for place in range(inside.start, inside.stop)]
    pixels = np.ascontiguousarray(np.concatenate(parts).transpose(0, 2, 3, 1), np.float32)
    return SimulatedBatch(start, pixels, truth)


def _simulated(spec: DemoSpec, first: int) -> tuple[Block, NDArray[np.float64]]:
    """Simulate the block that begins at `first`, and draw where its objects are: (n, 2) in degrees."""
    count = min(BLOCK_SIZE, spec.count - first)
    rng = np.random.default_rng([spec.seed, first // BLOCK_SIZE])
    block = simulate_block(
        rng,
        lenses=_lenses_before(spec, first + count) - _lenses_before(spec, first),
        count=count,
        size=spec.size,
        bands=spec.bands,
        pixel_scale_arcsec=spec.pixel_scale_arcsec,
    )
    offsets = rng.uniform(-0.5, 0.5, (count, 2)) * FIELD_WIDTH_DEG
    objects = np.array(FIELD_CENTRE_DEG) + offsets
    return block, objects[block.parents] + _pointing_offsets_deg(spec, block)


def _lenses_before(spec: DemoSpec, place: int) -> int:
    """Return how many of the first `place` cutouts are lenses, so that the share holds everywhere."""
    return int(np.floor(place * spec.lens_fraction + 0.5))


def _pointing_offsets_deg(spec: DemoSpec, block: Block) -> NDArray[np.float64]:
    """Return by how much each cutout's centre missed its object: right ascension grows to the left."""
    shifts = np.stack([block.conditions.shift_x_pixels, -block.conditions.shift_y_pixels], axis=-1)
    offsets: NDArray[np.float64] = shifts * spec.pixel_scale_arcsec / 3600
    return offsets


def _truth(spec: DemoSpec, first: int, place: int, block: Block, sky: NDArray[np.float64]) -> SimulatedCutout:
    name = block.classes[place]
    return SimulatedCutout(
        candidate_id=_candidate_id(spec, first + place),
        ra_deg=round(float(sky[place, 0]), 7),
        dec_deg=round(float(sky[place, 1]), 7),
        label="lens" if name == LENS else "nonlens",
        object_class=name,
        parent=_candidate_id(spec, first + int(block.parents[place])),
        properties=block.properties[place],
    )


def _candidate_id(spec: DemoSpec, place: int) -> str:
    return f"D{spec.seed}-{place:07d}"
