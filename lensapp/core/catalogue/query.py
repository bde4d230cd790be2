"""What a catalogue holds: whose candidates, scored by whom, graded how, filtered and matched by what."""

from typing import Any

from pydantic import Field, field_validator

from lensapp.core.config import Spec
from lensapp.core.data.conditions import Where
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.grades import LETTERS

CANDIDATE_GRADES = LETTERS[:-1]
"""Grades of what may be a lens: a catalogue of candidates holds these, and X only where it is asked for."""
UNGRADED = "ungraded"
EVERY_GRADE = "all"


class CatalogueQuery(Spec):
    """A catalogue to show, write, draw or send."""

    of: tuple[str, ...] = Field(
        min_length=1,
        title="Candidates of",
        description="Sources with all their candidates, or one review with the candidates it shows.",
    )
    reviews: tuple[str, ...] | None = Field(
        None, title="Votes of", description="Reviews whose votes are combined; empty: all of the sources."
    )
    run: str | None = Field(
        None,
        title="Scores of",
        description="Run whose scores are shown; default: that of the review, else the newest that scored.",
    )
    consensus: ConsensusSpec = Field(
        default_factory=ConsensusSpec, title="Consensus", description="How votes are combined."
    )
    min_score: float | None = Field(
        None, title="Score at least", description="Leave out candidates below this score."
    )
    grades: tuple[str, ...] | None = Field(
        None,
        title="Grades",
        description="Keep only these consensus grades, as A,B; ungraded: candidates without a vote; all: "
        "every candidate.",
    )
    where: Where = Field(
        None,
        title="Filter",
        description="Keep only candidates that fulfil this, such as mag_i < 22 & votes >= 3: columns of the "
        "sources' catalogues and of this one.",
    )
    columns: tuple[str, ...] = Field(
        (),
        title="Columns of the sources' catalogues",
        description="Write these columns of the sources' catalogues too, as mag_i,z, or all.",
    )
    vetoes: bool = Field(
        default=False,
        title="Apply vetoes",
        description="Leave out candidates that the vetoes kept with the run take out.",
    )
    known_lenses: str | None = Field(
        None,
        title="Known lenses",
        description="Table of known lenses to match by position, or lenscat.",
    )
    radius_arcsec: float = Field(
        2.0,
        ge=0.0,
        le=3600.0,
        title="Match radius (arcsec)",
        description="Radius of that match, in arcsec.",
    )
    radius_column: str | None = Field(
        None,
        title="Column of match radii",
        description="Column of the table with each known lens's own match radius in arcsec; where a cell is "
        "empty, the radius above holds.",
    )
    ra_column: str | None = Field(
        None,
        title="Column of right ascensions",
        description="Column of the table of known lenses with right ascensions; default: by its usual names.",
    )
    dec_column: str | None = Field(
        None,
        title="Column of declinations",
        description="Column of the table of known lenses with declinations; default: by its usual names.",
    )

    known_grades: tuple[str, ...] = Field(
        (),
        title="Grades of known lenses",
        description="Take only known lenses of these grades, as confident,probable.",
    )
    known_types: tuple[str, ...] = Field(
        (), title="Types of known lenses", description="Take only known lenses of these types, as galaxy."
    )
    known_references: tuple[str, ...] = Field(
        (),
        title="References of known lenses",
        description="Take only known lenses with one of these texts in their reference.",
    )

    @field_validator("grades")
    @classmethod
    def _all_is_no_filter(cls, grades: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if grades and EVERY_GRADE in [grade.casefold() for grade in grades] else grades

    @property
    def known_columns(self) -> dict[str, Any]:
        """How the table of known lenses is read: its columns that were named, and its filters."""
        columns = {name: getattr(self, name) for name in ("radius_column", "ra_column", "dec_column")}
        filters = {name: getattr(self, f"known_{name}") for name in ("grades", "types", "references")}
        return columns | filters

    @property
    def name(self) -> str:
        """The names of the sources or of the review, as files are called."""
        return "+".join(self.of)

    def filters(self) -> dict[str, str]:
        """Return the filters that are set, as they are written."""
        filters = {}
        if self.min_score is not None:
            filters["min_score"] = f"{self.min_score}"
        if self.grades:
            filters["grades"] = ", ".join(self.grades)
        if self.where:
            filters["where"] = self.where
        if self.vetoes:
            filters["vetoes"] = "those of the run"
        return filters
