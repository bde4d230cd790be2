"""Divide labelled cutouts into training, validation and test parts that share no object of the sky."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lensapp.core.config import Spec
from lensapp.core.data.conditions import Where
from lensapp.core.data.groups import name_groups, unite
from lensapp.core.data.sky import sky_groups
from lensapp.core.split.duplicates import near_duplicate_groups
from lensapp.core.split.stratify import allot_groups

IntArray = NDArray[np.int64]
Texts = NDArray[Any]  # object arrays of str or None
PARTS = ("train", "validation", "test")
SECOND_TEST = "second-test"  # lenses kept from every training of the workspace
HELD_OUT = (PARTS[2], SECOND_TEST)
LABELS = ("lens", "nonlens")
IGNORED = ""
ONE_PLACE_ARCSEC = 60.0
"""Within which images that look alike may show one object: wide enough for coarse positions."""
PART_STREAM, FOLD_STREAM, BALANCE_STREAM = 0, 1, 2


class SplitSpec(Spec):
    """How labelled cutouts are divided; saved with the dataset version."""

    train: float = Field(
        0.56, gt=0.0, lt=1.0, title="Training part", description="Fraction the network learns from."
    )
    validation: float = Field(
        0.14,
        ge=0.0,
        lt=1.0,
        title="Validation part",
        description="Fraction used for early stopping and model selection; with 0 the last network is kept.",
    )
    test: float = Field(
        0.30, gt=0.0, lt=1.0, title="Test part", description="Fraction kept aside for the final figures."
    )
    stratified: bool = Field(
        default=True, title="Stratify", description="Give each part the same share of lenses."
    )
    group_radius_arcsec: float = Field(
        10.0,
        ge=0.0,
        le=3600.0,
        title="Group radius (arcsec)",
        description="Keep cutouts closer than this in the same part; 0 joins equal positions only.",
    )
    near_duplicate_bits: int = Field(
        3,
        ge=0,
        le=8,
        title="Near-duplicate tolerance (bits)",
        description="Keep images in the same part whose 64-bit perceptual hashes differ, each from each, in "
        "at most this many bits, unless they are known to lie more than 1 arcmin apart; 0 switches it off.",
    )
    same_id_is_same_object: bool = Field(
        default=True,
        title="One ID is one object",
        description="Keep cutouts of different sources in the same part if they share an ID or a parent.",
    )
    contradictions: Literal["refuse", "leave_out", "keep"] = Field(
        "refuse",
        title="Objects labelled both ways",
        description="What becomes of an object that is a lens in one source and a non-lens in another: "
        "refuse to freeze until it is decided, leave out its cutouts, or keep them with both labels.",
        json_schema_extra={"words": {"leave_out": "leave out"}},
    )
    where: Where = Field(
        None,
        title="Filter",
        description="Take only cutouts whose columns of the catalogue fulfil this, such as mag_i < 22; the "
        "others are in no part.",
        json_schema_extra={"empty": "take all"},
    )
    bands: tuple[str, ...] = Field(
        (),
        title="Bands",
        description="Bands that networks see, in this order; sources may have others besides. Empty: all.",
    )
    crop: bool = Field(
        default=False,
        title="Middle of larger cutouts",
        description="Take the middle of cutouts that are larger than the smallest; otherwise sources of "
        "several sizes are refused.",
    )
    folds: int = Field(
        0,
        ge=0,
        le=50,
        title="Folds",
        description="Parts into which training and validation together are dealt for cross-validation, the "
        "same for all networks; 0 for none, and a cross-validation deals its own.",
    )
    max_nonlens_per_lens: float | None = Field(
        None,
        gt=0.0,
        le=1e6,
        title="Non-lenses per lens, at most",
        json_schema_extra={"empty": "keep all"},
        description="Keep at most this many non-lenses per lens in training and validation, drawn at random; "
        "the test part keeps the mixture of the survey. Empty keeps all.",
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="Random seed",
        description="Random seed; the same seed gives the same parts.",
    )

    @model_validator(mode="after")
    def check_parts(self) -> Self:
        """Refuse parts that do not sum to 1, and a single fold."""
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"The three parts must sum to 1; they have a sum of {total:.6g}")
        if len({*self.bands}) < len(self.bands):
            raise ValueError(f"A band is named twice among {', '.join(self.bands)}")
        if self.folds == 1:
            raise ValueError("One fold is not possible: take 0 for none, or at least 2")
        return self

    @property
    def fractions(self) -> tuple[float, float, float]:
        """Shares of the parts, in the order of PARTS."""
        return self.train, self.validation, self.test


@dataclass(frozen=True, eq=False)
class CutoutTable:
    """What decides whether cutouts belong together: one array of shape (n,) per property.

    Attributes
    ----------
    source, candidate_id
        Names; together they identify a cutout whatever the order of the rows.
    parent
        The sky object of which the cutout is a view, or None.
    label
        "lens", "nonlens", or None for cutouts that a split ignores.
    ra_deg, dec_deg
        ICRS degrees, NaN where unknown.
    perceptual_hash, pixels_digest
        Hexadecimal, or None.
    """

    source: Texts
    candidate_id: Texts
    parent: Texts
    label: Texts
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    perceptual_hash: Texts
    pixels_digest: Texts

    def __len__(self) -> int:
        return len(self.candidate_id)


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which cutouts must stay together.

    Attributes
    ----------
    group : int64, shape (n,)
        Numbered by the smallest (source, candidate id) in each group, so independent of the row order.
    near_duplicate : int64, shape (n,)
        Groups by the look of the images alone.
    """

    group: IntArray
    near_duplicate: IntArray


@dataclass(frozen=True, eq=False)
class Split:
    """The result, one entry per row of the table; cutouts left out have part "" and fold -1."""

    part: Texts
    fold: IntArray
    group: IntArray


def group_cutouts(table: CutoutTable, spec: SplitSpec) -> Grouping:
    """Group cutouts of one object: same parent or ID, neighbours on the sky, same or similar pixels."""
    if not len(table):
        return Grouping(np.empty(0, np.int64), np.empty(0, np.int64))
    reasons = groupings_by_reason(table, spec)
    group = unite(list(reasons.values()))
    order = np.array(sorted(range(len(table)), key=_keys(table).__getitem__), np.int64)
    groups, first = np.unique(group[order], return_index=True)
    number = np.empty(int(group.max()) + 1, np.int64)
    number[groups[np.argsort(first)]] = np.arange(len(groups))
    return Grouping(number[group], reasons["look"])


def groupings_by_reason(
    table: CutoutTable, spec: SplitSpec
) -> dict[Literal["position", "look", "parent"], IntArray]:
    """Number the groups of cutouts that belong together for each reason alone, each of shape (n,)."""
    alike = name_groups(list(table.pixels_digest))
    if spec.near_duplicate_bits:
        looks = near_duplicate_groups(list(table.perceptual_hash), bits=spec.near_duplicate_bits)
        alike = unite([alike, _in_one_place(looks, table)])
    close = sky_groups(table.ra_deg, table.dec_deg, radius_arcsec=spec.group_radius_arcsec)
    # A view's parent may itself be a cutout, so IDs and parents are one list of names.
    prefix = [""] * len(table) if spec.same_id_is_same_object else [f"{name}/" for name in table.source]
    own = [before + name for before, name in zip(prefix, table.candidate_id, strict=True)]
    parents = [
        before + (parent or name)
        for before, parent, name in zip(prefix, table.parent, table.candidate_id, strict=True)
    ]
    named = name_groups([*own, *parents])
    return {"position": close, "look": alike, "parent": unite([named[: len(own)], named[len(own) :]])}


def _in_one_place(looks: IntArray, table: CutoutTable) -> IntArray:
    """Divide groups of images that look alike by their places on the sky, where all of a group are known.

    Small cutouts of smooth galaxies look alike all over the sky; an object imaged twice has one place. Copies
    of the same pixels are told by their digest, wherever they are said to be.
    """
    placed = np.isfinite(table.ra_deg) & np.isfinite(table.dec_deg)
    divisible = (np.bincount(looks) > 1) & (np.bincount(looks, weights=~placed) == 0)
    rows = np.flatnonzero(divisible[looks])
    groups = looks.copy()
    ra_deg, dec_deg = table.ra_deg[rows], table.dec_deg[rows]
    places = sky_groups(ra_deg, dec_deg, radius_arcsec=ONE_PLACE_ARCSEC, within=looks[rows])
    groups[rows] = places + len(divisible)
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def _keys(table: CutoutTable) -> list[tuple[str, str]]:
    return list(zip(table.source, table.candidate_id, strict=True))


def split_cutouts(table: CutoutTable, spec: SplitSpec, *, grouping: Grouping | None = None) -> Split:
    """Divide the labelled cutouts by whole groups, keeping the share of each class.

    The result depends on the cutouts and the seed, not on the order of the rows. Where groups allow it
    every part receives at least one cutout of each class.

    Parameters
    ----------
    table
        The cutouts; those whose label is neither "lens" nor "nonlens" are left out.
    spec
        Shares, grouping rules, folds and seed.
    grouping
        The result of `group_cutouts` on the same table, where it is at hand.
    """
    group = (grouping or group_cutouts(table, spec)).group
    part = np.full(len(table), IGNORED, object)
    fold = np.full(len(table), -1, np.int64)
    labelled = np.flatnonzero(np.isin(table.label, LABELS))
    if not labelled.size:
        return Split(part, fold, group)
    part[labelled] = np.array(PARTS, object)[
        _divide(table, group, labelled, spec=spec, fractions=spec.fractions, stream=PART_STREAM)
    ]
    if spec.max_nonlens_per_lens is not None:
        keys, rng = _keys(table), np.random.default_rng([spec.seed, BALANCE_STREAM])
        for name in PARTS[:2]:
            lenses, nonlenses = (np.flatnonzero((part == name) & (table.label == kind)) for kind in LABELS)
            rows = np.array(sorted(nonlenses.tolist(), key=keys.__getitem__), np.int64)
            allowed = int(spec.max_nonlens_per_lens * len(lenses))
            part[rows[rng.permutation(len(rows))[max(allowed, 1) :]]] = IGNORED
    inner = np.flatnonzero(np.isin(part, PARTS[:2]))
    if spec.folds and inner.size:
        shares = [1.0 / spec.folds] * spec.folds
        fold[inner] = _divide(table, group, inner, spec=spec, fractions=shares, stream=FOLD_STREAM)
    return Split(part, fold, group)


def _divide(
    table: CutoutTable,
    group: IntArray,
    rows: IntArray,
    *,
    spec: SplitSpec,
    fractions: Sequence[float],
    stream: int,
) -> IntArray:
    is_lens = (table.label[rows] == LABELS[0]).astype(np.int64)
    classes = is_lens if spec.stratified else np.zeros_like(is_lens)
    rng = np.random.default_rng([spec.seed, stream])
    return allot_groups(group[rows], classes, fractions, rng=rng)
