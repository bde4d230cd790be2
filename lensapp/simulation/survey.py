"""A simulated survey: lenses and what is mistaken for them, as pixels with the truth beside them."""

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.simulation.blocks import BLOCK_SIZE, LENS, Block, simulate_block
from lensapp.simulation.surveys import SURVEYS, ZERO_POINT_MAG, BandName, SurveyName, SurveyProperties


class DemoSpec(Spec):
    """Settings of a simulated survey; what is not given is as the survey named has it."""

    survey: SurveyName = Field(
        "plain",
        title="Survey",
        description=(
            "Depth, seeing, pixels, bands and noise as published for ps1 (Pan-STARRS1), legacy, hsc, des,"
            " lsst or euclid; the plain survey is none of them."
        ),
        json_schema_extra={"words": {name: survey.title for name, survey in SURVEYS.items()}},
    )
    count: int = Field(
        2000, ge=1, le=2_000_000, title="Number of cutouts", description="Number of cutouts to simulate."
    )
    lens_fraction: float = Field(
        0.2, ge=0, le=1, title="Fraction of lenses", description="Fraction of the cutouts that show a lens."
    )
    size: int = Field(
        64,
        ge=24,
        le=256,
        title="Size (pixels)",
        description="Width and height of a cutout in pixels; each survey has its own unless it is given.",
    )
    bands: tuple[BandName, ...] = Field(
        ("g", "r", "i"),
        min_length=1,
        max_length=6,
        title="Bands",
        description="Bands in the order of the channels; all those of a survey unless they are given.",
    )
    seed: int = Field(
        1,
        ge=0,
        lt=2**32,
        title="Random seed",
        description="Random seed: the same seed gives the same survey.",
    )
    pixel_scale_arcsec: float = Field(
        0.25,
        ge=0.1,
        le=0.5,
        title="Pixel scale (arcsec)",
        description="Width of a pixel in arcseconds; each survey has its own unless it is given.",
    )
    labelled: bool = Field(
        default=True,
        title="With labels",
        description=(
            "Keep label, class and physical truth with each cutout. Without, the survey lies elsewhere on the"
            " sky and knows of a cutout what a catalogue of detections does."
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def fill_from_survey(cls, values: Any) -> Any:
        """Take bands, size and pixel scale from the survey where they are not given."""
        name = values.get("survey", "plain") if isinstance(values, dict) else None
        survey = SURVEYS.get(name) if isinstance(name, str) else None
        if survey is None:
            return values
        usual = {
            "bands": tuple(survey.bands),
            "size": survey.size_pixels,
            "pixel_scale_arcsec": survey.pixel_scale_arcsec,
        }
        return (usual if survey.published else {}) | values

    @field_validator("bands")
    @classmethod
    def check_distinct(cls, bands: tuple[BandName, ...]) -> tuple[BandName, ...]:
        """Refuse a band named twice."""
        if len(set(bands)) != len(bands):
            raise ValueError("name each band once")
        return bands

    @model_validator(mode="after")
    def check_bands_of_survey(self) -> Self:
        """Refuse bands that the survey does not have."""
        absent = [band for band in self.bands if band not in self.properties.bands]
        if absent:
            raise ValueError(
                f"the survey {self.survey} has no band {', '.join(absent)}; "
                f"it has {', '.join(self.properties.bands)}: choose from these"
            )
        return self

    @property
    def properties(self) -> SurveyProperties:
        """What is published of the survey."""
        return SURVEYS[self.survey]

    @property
    def zero_points_mag(self) -> tuple[float, ...]:
        """AB magnitude of one unit of the pixels in each band."""
        return tuple(self.properties.bands[band].zero_point_mag for band in self.bands)

    @property
    def field_centre_deg(self) -> tuple[float, float]:
        """Right ascension and declination of the middle of the survey."""
        return FIELD_CENTRE_DEG if self.labelled else UNLABELLED_CENTRE_DEG

    def beside(self, count: int) -> "DemoSpec":
        """Return a survey of the same instrument without labels: another field, other objects, few lenses."""
        return self.replaced(
            count=count,
            lens_fraction=UNLABELLED_LENS_FRACTION,
            seed=(self.seed + 1) % 2**32,
            labelled=False,
        )


class BesideSpec(Spec):
    """The survey without labels that is made beside a demo survey."""

    unlabelled: int | None = Field(
        None,
        ge=0,
        le=2_000_000,
        title="Cutouts without labels",
        json_schema_extra={"empty": "half as many"},
        description=(
            "Number of cutouts of a second source, NAME-survey, to search: another field, 3 % lenses, no"
            " labels. Half as many as with labels unless it is given; 0 makes none."
        ),
    )

    def of(self, spec: DemoSpec) -> DemoSpec | None:
        """Return the survey without labels that is made beside `spec`, None where there is to be none."""
        count = spec.count // 2 if self.unlabelled is None else self.unlabelled
        return spec.beside(count) if count and spec.labelled else None


@dataclass(frozen=True)
class SimulatedCutout:
    """The truth about one cutout: where it is, what it shows, and what that was made of.

    Of a survey without labels `label`, `object_class` and `parent` are None, and `properties` are those that
    a catalogue of detections has.
    """

    candidate_id: str
    ra_deg: float
    dec_deg: float
    label: Literal["lens", "nonlens"] | None
    object_class: str | None
    parent: str | None
    properties: dict[str, Any]


@dataclass(frozen=True)
class SimulatedBatch:
    """Cutouts `start` … `start + n` of a survey.

    Attributes
    ----------
    pixels
        In units of the survey (`DemoSpec.zero_points_mag`), shape (n, height, width, bands), NaN where
        masked.
    truth
        One record per cutout.
    """

    start: int
    pixels: NDArray[np.float32]
    truth: list[SimulatedCutout]


FIELD_CENTRE_DEG = (150.0, 2.0)
UNLABELLED_CENTRE_DEG = (34.5, -5.0)  # of surveys without labels: the two share no sky
UNLABELLED_LENS_FRACTION = 0.03
OBSERVED = ("magnitude_", "seeing_arcsec_")  # what the names of measured properties begin with
FIELD_WIDTH_DEG = 3.0  # of surveys with up to 70 000 cutouts; larger ones are wider
CELL_WIDTH_ARCSEC = 40.0  # at least, of the cells of the sky with one object each
GOLDEN_SECTION = (math.sqrt(5) - 1) / 2
GAP_ARCSEC = 20.0  # at least, between two objects in right ascension and declination


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
            f"The survey has {spec.count} cutouts: {start} to {stop} are not among them. "
            f"Choose 0 <= start < stop <= {spec.count}."
        )
    parts, truth = [], []
    for first in range(start - start % BLOCK_SIZE, stop, BLOCK_SIZE):
        block, sky = simulate_sky(spec, first)
        inside = slice(max(start - first, 0), min(stop - first, len(block.classes)))
        parts.append(block.pixels[inside])
        for view in range(inside.start, inside.stop):
            name = block.classes[view]
            cutout = SimulatedCutout(
                candidate_id=_candidate_id(spec, first + view),
                ra_deg=round(float(sky[view, 0]), 7),
                dec_deg=round(float(sky[view, 1]), 7),
                label="lens" if name == LENS else "nonlens",
                object_class=name,
                parent=_candidate_id(spec, first + int(block.parents[view])),
                properties=block.properties[view],
            )
            truth.append(cutout if spec.labelled else _without_truth(cutout))
    pixels = np.ascontiguousarray(np.concatenate(parts).transpose(0, 2, 3, 1), np.float32)
    units = 10 ** (0.4 * (np.array(spec.zero_points_mag) - ZERO_POINT_MAG))
    if not np.all(units == 1):
        pixels *= units.astype(np.float32)
    return SimulatedBatch(start, pixels, truth)


def simulate_sky(spec: DemoSpec, first: int) -> tuple[Block, NDArray[np.float64]]:
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
        properties=spec.properties,
    )
    # Each object has a cell of the sky of its own, so that no two are neighbours by chance, which a split
    # would keep together as one object. Cells that follow each other are far apart.
    offsets = rng.random((count, 2))
    side = math.isqrt(spec.count - 1) + 1
    cells = side * side
    step = next(step for step in itertools.count(round(cells * GOLDEN_SECTION)) if math.gcd(step, cells) == 1)
    row, column = np.divmod(np.arange(first, first + len(offsets)) * step % cells, side)
    width = max(FIELD_WIDTH_DEG / side, CELL_WIDTH_ARCSEC / 3600)
    gap = GAP_ARCSEC / 3600
    corners = (np.stack([column, row], axis=-1) - side / 2) * width + gap / 2
    objects = np.array(spec.field_centre_deg) + corners + offsets * (width - gap)
    # A cutout's centre misses its object by the pointing's shift; right ascension grows to the left.
    shifts = np.stack([block.conditions.shift_x_pixels, -block.conditions.shift_y_pixels], axis=-1)
    return block, objects[block.parents] + shifts * spec.pixel_scale_arcsec / 3600


def _lenses_before(spec: DemoSpec, index: int) -> int:
    """Return how many of the first `index` cutouts are lenses, so that the fraction holds everywhere."""
    return int(np.floor(index * spec.lens_fraction + 0.5))


def _candidate_id(spec: DemoSpec, index: int) -> str:
    return f"{'D' if spec.labelled else 'S'}{spec.seed}-{index:07d}"


def _without_truth(cutout: SimulatedCutout) -> SimulatedCutout:
    """Return what is known of a cutout that nobody has looked at: where it is, and what was measured."""
    measured = {name: value for name, value in cutout.properties.items() if name.startswith(OBSERVED)}
    return replace(cutout, label=None, object_class=None, parent=None, properties=measured)
