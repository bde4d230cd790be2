"""How simulated cutouts are told from real ones; the form, the command line and the docs read it."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec


class RealismSpec(Spec):
    """Which cutouts of two sources are compared, and how the probes are validated."""

    label: Literal["all", "lens", "nonlens"] = Field(
        "all",
        title="Cutouts",
        json_schema_extra={"words": {"lens": "lenses", "nonlens": "non-lenses"}},
        description="Which cutouts of a labelled source are compared; a source without labels counts whole.",
    )
    run: str | None = Field(
        None,
        max_length=200,
        title="Run",
        json_schema_extra={"empty": "none"},
        description="Run through which the features of both sources have been computed, for a linear probe "
        "on them; empty: photometry alone.",
    )
    sample: int = Field(
        2000,
        ge=20,
        le=100_000,
        title="Cutouts of each, at most",
        description="At most this many cutouts of each source are compared, drawn at random.",
    )
    folds: int = Field(
        5, ge=2, le=20, title="Folds", description="Folds of the cross-validation; no field is in two folds."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Random seed", description="Random seed.")
