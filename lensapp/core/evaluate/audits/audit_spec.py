"""What the audit of a run looks at; the form, the command line and the docs read it."""

from pydantic import Field

from lensapp.core.config import Spec


class AuditSpec(Spec):
    """How a run and its dataset are audited for shortcuts, leakage, label noise, shift and realism."""

    sample: int = Field(
        4000,
        ge=100,
        le=100_000,
        title="Cutouts, at most",
        description="At most this many cutouts of the dataset are measured for shortcuts, drawn at random.",
    )
    folds: int = Field(
        5,
        ge=2,
        le=20,
        title="Folds",
        description="Folds of the cross-validation of shortcuts; no object is in two folds.",
    )
    group_radius_arcsec: float = Field(
        10.0,
        ge=0.0,
        le=3600.0,
        title="Same place within (arcsec)",
        description="Cutouts of different parts that are closer than this count as a leak.",
    )
    near_duplicate_bits: int = Field(
        3,
        ge=0,
        le=8,
        title="Near-duplicate tolerance (bits)",
        description="Images of different parts whose 64-bit perceptual hashes differ in at most this many "
        "bits count as a leak; 0 compares equal pixels only.",
    )
    source: str | None = Field(
        None,
        max_length=200,
        title="Source to compare",
        json_schema_extra={"empty": "those that the run scored"},
        description="Source that is compared with the training part and, where it is real and the dataset "
        "simulated, told from it; empty: those that the run scored.",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Random seed", description="Random seed.")
