"""What a user can set when opening a review."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lensapp.core.config import Spec
from lensapp.core.data.conditions import Where
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.grades import (
    CONTAMINANT_NAMES,
    SCHEMES,
    Contaminant,
    GradeScheme,
    SchemeName,
    own_scheme,
    review_contaminants,
)
from lensapp.core.inspect.inspector_names import inspector_key
from lensapp.core.inspect.review_orders import ORDERS, Order
from lensapp.core.inspect.swap import DETECT_ABOVE, PRIOR

REVIEWED_FIRST = 100  # candidates, unless more are asked for
ORDER_LABELS = {name: order.label for name, order in ORDERS.items()}


class ReviewSpec(Spec):
    """Which candidates are shown, in what order, to whom, and how they are graded."""

    order: Order = Field(
        "score",
        title="Order",
        description="Highest score first, random, nearest to the uncertain score first, as imported, or by a "
        "column of the catalogue; least certain first by entropy or margin, or by the disagreement of a "
        "committee or of Monte-Carlo dropout (bald); diverse among the best-scored; or similar to the "
        "candidates graded A or B last.",
        json_schema_extra={"words": dict(ORDER_LABELS)},
    )
    limit: int | None = Field(
        REVIEWED_FIRST,
        ge=1,
        le=5_000_000,
        title="Number of candidates",
        description="Largest number of candidates; empty: all.",
        json_schema_extra={"empty": "all"},
    )
    include: Literal["all", "unlabelled", "lens", "nonlens"] = Field(
        "all",
        title="Candidates with the label",
        description="Show all candidates, or only those with this label.",
        json_schema_extra={"words": {"lens": "lenses", "nonlens": "non-lenses"}},
    )
    where: Where = Field(
        None,
        title="Filter",
        description="Show only candidates whose columns fulfil this, such as mag_i < 22 & star < 0.5; score "
        "is that of the run.",
        json_schema_extra={"empty": "all"},
    )
    unlearned: bool = Field(
        default=False,
        title="Leave out what the run learned from",
        description="Leave out candidates of the run's training and validation parts, whose scores flatter.",
    )
    ungraded: bool = Field(
        default=False,
        title="Leave out what is graded",
        description="Leave out candidates that anybody has graded in another review.",
    )
    sort_by: str | None = Field(
        None,
        max_length=300,
        title="Column of the order by column",
        description="Column of the catalogue for the order by column, lowest value first.",
    )
    highest_first: bool = Field(
        default=False,
        title="Highest value first",
        description="Turn the order by column round; candidates whose value is unknown are not shown.",
    )
    columns: tuple[str, ...] = Field(
        (),
        max_length=12,
        title="Columns shown",
        description="Columns of the catalogue that are shown beside a candidate. Inspectors see them, so "
        "none should tell the truth.",
    )
    min_score: float | None = Field(
        None, ge=0, le=1, title="Lowest score", description="Leave out candidates with a lower score."
    )
    max_score: float | None = Field(
        None, ge=0, le=1, title="Highest score", description="Leave out candidates with a higher score."
    )
    also_runs: tuple[str, ...] = Field(
        (),
        max_length=63,
        title="Further runs",
        description="Further runs: order, limits and displayed scores then use the combined score; the "
        "order committee compares the runs.",
    )
    combine: Literal["mean", "median"] = Field(
        "mean",
        title="Combine scores by",
        description="How the scores of several runs are combined; a candidate needs a score from each.",
    )
    uncertain_score: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Uncertain score",
        description="The score at which the network is least certain.",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, title="Random seed", description="Random seed.")
    committee: tuple[str, ...] = Field(
        (),
        max_length=64,
        title="Committee",
        description="Runs compared by the order committee; empty: the runs of the review if there are "
        "several, otherwise all that scored the source.",
    )
    batch: int = Field(
        20,
        ge=1,
        le=10_000,
        title="Batch of the order diverse",
        description="Candidates per batch of the order diverse.",
    )
    pool: int = Field(
        3,
        ge=1,
        le=100,
        title="Pool of the order diverse",
        description="Each batch of the order diverse is selected from this many times as many best-scored "
        "candidates.",
    )
    positives: int = Field(
        20,
        ge=1,
        le=1000,
        title="Examples of the order similar",
        description="Number of candidates graded A or B last that the order similar starts from.",
    )
    blind: bool = Field(
        default=True,
        title="Hide scores",
        description="Hide scores until an inspector asks for them; votes record whether the score was seen.",
    )
    blind_to_others: bool = Field(
        default=True,
        title="Hide the votes of others",
        description="Hide the votes of other inspectors; otherwise each candidate shows their number by "
        "grade.",
    )
    also_sources: tuple[str, ...] = Field(
        (),
        max_length=50,
        title="Further sources",
        description="Further sources with the same bands and size whose candidates are included.",
    )
    inspectors: tuple[str, ...] = Field(
        (),
        max_length=1000,
        title="Inspectors",
        description="Who may vote: names as in the sidebar, separated by commas; empty: anyone, or, where "
        "accounts log in, scientists, administrators and who is invited.",
    )
    overlap: int | None = Field(
        None,
        ge=1,
        le=1000,
        title="Inspectors per candidate",
        description="So many of the inspectors named grade each candidate, and share the work evenly; empty: "
        "all grade all.",
        json_schema_extra={"empty": "all"},
    )
    common: float = Field(
        0.1,
        ge=0,
        le=1,
        title="Graded by all",
        description="Fraction of the candidates that everybody grades where the others are shared out, to "
        "measure how far all agree.",
    )
    calibrators: float = Field(
        0.0,
        ge=0,
        le=0.5,
        title="Blind tests per candidate",
        description="Blind tests per candidate: simulated lenses and non-lenses that measure each "
        "inspector. They never become candidates.",
    )
    dud_share: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Share of duds",
        description="Fraction of the blind tests that are duds, images without a lens.",
    )
    smallest_radius_arcsec: float = Field(
        0.9,
        ge=0.3,
        le=2.0,
        title="Smallest Einstein radius (arcsec)",
        description="Smallest Einstein radius of the simulated lenses; 0.5 reaches the whole grid of "
        "completeness by injection.",
    )
    repeats: float = Field(
        0.0,
        ge=0,
        le=0.5,
        title="Repeats per candidate",
        description="Fraction of candidates shown twice, once under another name, to measure self-agreement.",
    )
    retire: bool = Field(
        default=False,
        title="Retire settled candidates",
        description="Stop showing candidates settled by SWAP. Inspectors need votes on blind tests, here or "
        "in other reviews: the votes of unknown inspectors settle nothing.",
    )
    retire_prior: float | None = Field(
        None,
        gt=0,
        lt=1,
        title="Prior",
        description="Expected fraction of lenses among the candidates; empty: the fraction that blind tests, "
        f"or else the scores, suggest. A whole survey has about {PRIOR:g}.",
        json_schema_extra={"empty": "automatic"},
    )
    retire_above: float = Field(
        DETECT_ABOVE,
        gt=0.5,
        lt=1,
        title="Retire as lens above",
        description="Settled as a lens above this probability.",
    )
    retire_below: float | None = Field(
        None,
        gt=0,
        lt=0.5,
        title="Retire as non-lens below",
        description="Settled as a non-lens below this probability; empty: 1/2000 of the prior's odds.",
        json_schema_extra={"empty": "automatic"},
    )
    feedback: bool = Field(
        default=False, title="Immediate feedback", description="Immediate feedback on blind tests."
    )
    feeds_back: bool = Field(
        default=True,
        title="Feed back",
        description="The votes are fed back into training unless reviews are chosen there by name.",
    )
    grades: SchemeName = Field(
        "ABCX",
        title="Grades",
        description="Grades: A, B, C, X; 3 to 0; lens or not; or your own.",
        json_schema_extra={"words": {"ABCX": "A B C X", "0-3": "3 to 0", "binary": "lens or not"}},
    )
    own_grades: tuple[str, ...] = Field(
        (),
        max_length=9,
        title="Own grades",
        description="Your own grades with values from 0 to 3, such as sure=3, maybe=1.5, no=0.",
    )
    contaminants: tuple[str, ...] = Field(
        CONTAMINANT_NAMES,
        max_length=15,
        title="Contaminants",
        description="Classes of objects that are not lenses; each gets a key.",
    )

    @model_validator(mode="after")
    def check_consistency(self) -> Self:
        """Refuse settings that contradict each other."""
        if self.min_score is not None and self.max_score is not None and self.min_score > self.max_score:
            raise ValueError("min_score is above max_score: lower it, or leave one of them out")
        if self.order == "column" and not self.sort_by:
            raise ValueError("the order by column needs a column: name one, such as mag_i")
        named = len({inspector_key(name) for name in self.inspectors})
        if self.overlap is not None and named < self.overlap:
            raise ValueError(
                f"overlap asks for {self.overlap} inspectors per candidate, but {named or 'none'} are named: "
                "name more, or ask for fewer"
            )
        if self.own_grades and self.grades != "own":
            raise ValueError("own_grades are set, but grades is not own: choose own, or leave them out")
        try:
            review_contaminants(self.contaminants, self.scheme)
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
        return review_contaminants(self.contaminants, self.scheme)

    def admits(self, inspector: str) -> bool:
        """Return whether the inspector may vote."""
        invited = {inspector_key(name) for name in self.inspectors}
        return not invited or inspector_key(inspector) in invited

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
    def limits_scores(self) -> bool:
        """Whether candidates must have a score within limits."""
        return self.min_score is not None or self.max_score is not None

    @property
    def needs_scores(self) -> bool:
        """Whether candidates without a score are left out."""
        return self.limits_scores or "scores" in ORDERS[self.order].needs
