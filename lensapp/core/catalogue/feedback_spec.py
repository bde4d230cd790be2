"""What a user can set when votes are fed back into a dataset."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.grades import LETTERS
from lensapp.core.inspect.pace import LEAST_SECONDS

Letter = Literal["A", "B", "C", "X"]


class FeedbackRules(ConsensusSpec):
    """Which consensus grades become which label; saved with the new dataset version.

    Candidates without a vote are never used, whatever their score.
    """

    lens_grades: tuple[Letter, ...] = Field(
        ("A", "B"), title="Lens grades", description="Consensus grades that become the label lens."
    )
    nonlens_grades: tuple[Letter, ...] = Field(
        ("X",),
        title="Non-lens grades",
        description="Consensus grades that become the label non-lens; grades in neither are ignored.",
    )
    min_votes: int = Field(
        1,
        ge=1,
        le=1000,
        title="Fewest votes",
        description="Ignore candidates graded by fewer inspectors than this.",
    )
    count_hasty: bool = Field(
        default=True,
        title="Count hasty votes",
        description=f"Let votes count that took less than {LEAST_SECONDS:g} s each: too fast to see a "
        "picture. Unless chosen, they count where they are at most half of all votes. The rest of a page, "
        "graded at once, is judged by the look at the whole page.",
    )
    leave_out_contradicted: bool = Field(
        default=True,
        title="Leave out contradicted",
        description="Ignore candidates whose label would be contradicted by as many inspectors as support "
        "it, or more: one says lens, another non-lens (mean grade; the other methods weigh inspectors).",
    )
    relabel: bool = Field(
        default=True,
        title="Relabel",
        description="Let votes change labels in the training and validation parts, and count more than "
        "the labels that a source gives to cutouts which are in no part yet.",
    )
    validation_share: float = Field(
        0.0,
        ge=0.0,
        le=0.9,
        title="Fraction to validation",
        description="Fraction of the new cutouts that goes to validation; the rest goes to training.",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Random seed", description="Random seed of that fraction.")
    crop: bool = Field(
        default=False,
        title="Middle of larger cutouts",
        description="Take the middle of cutouts that are larger than those of the version.",
    )

    @model_validator(mode="after")
    def check_grades(self) -> Self:
        """Refuse grades with two meanings, and rules without grades."""
        both = sorted(set(self.lens_grades) & set(self.nonlens_grades))
        if both:
            raise ValueError(f"a grade means one label, but {', '.join(both)} would be lens and non-lens")
        if not self.lens_grades and not self.nonlens_grades:
            raise ValueError("choose at least one grade that becomes a label")
        return self

    @property
    def majority_decides(self) -> bool:
        """Whether candidates are left out on which neither lens nor non-lens has more votes."""
        return self.leave_out_contradicted and self.method == "mean"

    @property
    def ignored_grades(self) -> tuple[str, ...]:
        """Grades that become no label."""
        return tuple(letter for letter in LETTERS if letter not in (*self.lens_grades, *self.nonlens_grades))

    def label_of(self, grade: str) -> str | None:
        """Return the label of a consensus grade, None for one that is ignored."""
        if grade in self.lens_grades:
            return "lens"
        return "nonlens" if grade in self.nonlens_grades else None

    def meanings(self) -> tuple[tuple[str, str], ...]:
        """Return the rules in words: what candidates have or are, and what becomes of them."""
        lines = [
            (f"grade {' or '.join(grades)}", meaning)
            for grades, meaning in (
                (self.lens_grades, "lens"),
                (self.nonlens_grades, "non-lens"),
                (self.ignored_grades, "ignored"),
            )
            if grades
        ]
        if self.method != "mean":
            automatic = self.method == "swap" and self.prior is None and self.reject_below is None
            below = "1/2000 of the prior's odds" if automatic else f"{self.rejected_below:g}"
            lines.append((f"probability above {self.detect_above:g}", "grade A"))
            lines.append((f"probability below {below}", "grade X"))
        if self.majority_decides and self.lens_grades and self.nonlens_grades:
            lines.append(("as many votes against the label as for it, or more", "ignored"))
        lines.append(("no vote", "ignored"))
        if self.min_votes > 1:
            lines.append((f"fewer than {self.min_votes} votes", "ignored"))
        share = f"{100 * self.validation_share:g} % to validation, the rest to training"
        lines.append(("new cutout", f"{share if self.validation_share else 'to training'}, never to test"))
        lines.append(("another view of an object that a part holds", "to that part, whatever the fraction"))
        if self.crop:
            lines.append(("larger cutout", "its middle"))
        lines.append(("cutout of the test part", "stays as it is"))
        return tuple(lines)
