"""What a user can set when opening a review."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lensapp.core.config import Spec


class ReviewSpec(Spec):
    """Which candidates of a source are shown, and in what order."""

    order: Literal["score", "random", "uncertain", "given"] = Field(
        "score",
        description="Highest score first, shuffled, nearest to the uncertain score first, or as imported.",
    )
    limit: int | None = Field(
        500, ge=1, le=5_000_000, description="Show at most so many candidates; empty shows all."
    )
    include: Literal["all", "unlabelled", "lens", "nonlens"] = Field(
        "all", description="Show every candidate, or only those with this label."
    )
    min_score: float | None = Field(None, ge=0, le=1, description="Leave out candidates that score lower.")
    max_score: float | None = Field(None, ge=0, le=1, description="Leave out candidates that score higher.")
    uncertain_score: float = Field(
        0.5, ge=0, le=1, description="The score at which the network is most uncertain."
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the random order.")
    blind: bool = Field(
        default=True,
        description="Hide scores until the inspector asks; votes record whether the score was seen.",
    )

    @model_validator(mode="after")
    def _ordered_limits(self) -> Self:
        if self.min_score is not None and self.max_score is not None and self.min_score > self.max_score:
            raise ValueError("expected min_score to be at most max_score")
        return self

    @property
    def needs_scores(self) -> bool:
        """Whether candidates without a score cannot be placed."""
        limited = self.min_score is not None or self.max_score is not None
        return limited or self.order in ("score", "uncertain")
