"""What a user can set when opening a review."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.grade_schemes import (
    SCHEMES,
    GradeScheme,
    SchemeName,
    chosen_contaminants,
    own_scheme,
)
from lensapp.core.inspect.grades import CONTAMINANT_NAMES, Contaminant
from lensapp.core.inspect.swap import DETECT_ABOVE, PRIOR, REJECT_BELOW

Order = Literal[
    "score", "random", "uncertain", "given", "entropy", "margin", "committee", "bald", "diverse", "similar"
]
ORDERS_BY_PRIORITY = ("entropy", "margin", "committee", "bald", "diverse", "similar")


class ReviewSpec(Spec):
    """Which candidates are shown, in what order, to whom, and how they are graded."""

    order: Order = Field(
        "score",
        description="Highest score first, shuffled, nearest to the uncertain score first, or as imported; "
        "least certain first by entropy or margin, or by what a committee's members or passes with dropout "
        "(bald) disagree on; diverse among the best-scored; or similar to what was graded A or B last.",
    )
    limit: int | None = Field(
        500, ge=1, le=5_000_000, description="Show at most so many candidates; empty shows all."
    )
    include: Literal["all", "unlabelled", "lens", "nonlens"] = Field(
        "all", description="Show every candidate, or only those with this label."
    )
    min_score: float | None = Field(None, ge=0, le=1, description="Leave out candidates that score lower.")
    max_score: float | None = Field(None, ge=0, le=1, description="Leave out candidates that score higher.")
    also_runs: tuple[str, ...] = Field(
        (),
        max_length=63,
        description="Further runs: order, limits and scores shown are then those of all runs combined; the "
        "order committee compares them.",
    )
    combine: Literal["mean", "median"] = Field(
        "mean", description="How the scores of several runs become one; what one lacks has none."
    )
    uncertain_score: float = Field(
        0.5, ge=0, le=1, description="The score at which the network is most uncertain."
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the random order.")
    committee: tuple[str, ...] = Field(
        (),
        max_length=64,
        description="Runs whose scores the order committee compares; none takes the runs "
        "of the review where there are several, else all that scored the source.",
    )
    batch: int = Field(
        20, ge=1, le=10_000, description="Candidates per batch of the order diverse, each spread out anew."
    )
    pool: int = Field(
        3,
        ge=1,
        le=100,
        description="Such a batch is taken from so many times as many best-scored candidates.",
    )
    positives: int = Field(
        20,
        ge=1,
        le=1000,
        description="The order similar looks for candidates like so many A or B graded last.",
    )
    blind: bool = Field(
        default=True,
        description="Hide scores until the inspector asks; votes record whether the score was seen.",
    )
    blind_to_others: bool = Field(
        default=True, description="Hide what others voted; otherwise candidates tell it by number of votes."
    )
    also_sources: tuple[str, ...] = Field(
        (),
        max_length=50,
        description="Further sources, with the same bands and size, whose candidates are mixed in.",
    )
    inspectors: tuple[str, ...] = Field(
        (), max_length=1000, description="Names of those who may vote; none lets anyone vote."
    )
    calibrators: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Blind tests mixed in, per candidate: simulated lenses and duds that tell how well each "
        "inspector does. They never become candidates.",
    )
    dud_share: float = Field(
        0.5, ge=0, le=1, description="Share of duds, images without a lens, among these blind tests."
    )
    repeats: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Candidates shown a second time, per candidate, under another name: they tell how far "
        "inspectors agree with themselves.",
    )
    retire: bool = Field(
        default=False,
        description="Stop showing what the team has settled by SWAP. Inspectors must have graded blind "
        "tests, here or in other reviews: the votes of unknown ones settle nothing.",
    )
    retire_prior: float = Field(PRIOR, gt=0, lt=1, description="Share of lenses among what is shown.")
    retire_above: float = Field(
        DETECT_ABOVE, gt=0.5, lt=1, description="Settled as a lens above this probability."
    )
    retire_below: float = Field(
        REJECT_BELOW, gt=0, lt=0.5, description="Settled as no lens below this probability."
    )
    feedback: bool = Field(
        default=False, description="Tell inspectors at once when they graded a blind test, and its truth."
    )
    grades: SchemeName = Field(
        "ABCX", description="Grades offered: A, B, C, X; 3 to 0; lens or not; or own ones."
    )
    own_grades: tuple[str, ...] = Field(
        (), max_length=9, description="Own grades with values of 0 to 3, as sure=3, maybe=1.5, no=0."
    )
    contaminants: tuple[str, ...] = Field(
        CONTAMINANT_NAMES,
        max_length=15,
        description="What a candidate can be instead of a lens; each gets a key.",
    )

    @model_validator(mode="after")
    def _ordered_limits(self) -> Self:
        if self.min_score is not None and self.max_score is not None and self.min_score > self.max_score:
            raise ValueError("expected min_score to be at most max_score")
        return self

    @model_validator(mode="after")
    def _usable_grades(self) -> Self:
        if self.own_grades and self.grades != "own":
            raise ValueError("expected grades to be own where own_grades are given")
        try:
            chosen_contaminants(self.contaminants, self.scheme)
        except InvalidInput as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def scheme(self) -> GradeScheme:
        """The grades offered."""
        return own_scheme(self.own_grades) if self.grades == "own" else SCHEMES[self.grades]

    @property
    def classes(self) -> tuple[Contaminant, ...]:
        """The contaminant classes with their keys."""
        return chosen_contaminants(self.contaminants, self.scheme)

    @property
    def retirement(self) -> ConsensusSpec:
        """How the votes are combined that settle candidates."""
        return ConsensusSpec(
            method="swap",
            prior=self.retire_prior,
            detect_above=self.retire_above,
            reject_below=self.retire_below,
        )

    @property
    def needs_scores(self) -> bool:
        """Whether candidates without a score cannot be placed."""
        limited = self.min_score is not None or self.max_score is not None
        return limited or self.order in ("score", "uncertain", "diverse")
