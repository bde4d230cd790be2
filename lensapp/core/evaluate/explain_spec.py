"""How one cutout's score is explained: the command line and the docs read it."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec


class ExplainSpec(Spec):
    """How the regions of a cutout are hidden to see what its score rests on."""

    about: str | None = Field(
        None,
        description="Class or value to explain; none takes the score, or the first value estimated.",
    )
    perturbations: int = Field(
        1000, ge=100, le=20_000, description="Copies of the cutout with random regions hidden."
    )
    segments: int = Field(80, ge=4, le=1000, description="Regions of similar colour, about so many.")
    fill: Literal["sky", "median"] = Field(
        "sky",
        description="What hides a region: pixels drawn from the cutout's own sky with their noise, or the "
        "median of the sky.",
    )
    kernel_width: float = Field(
        0.25,
        gt=0.0,
        le=10.0,
        description="How fast copies with much hidden lose weight; distance is 1 − √(share kept).",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Start of all random numbers; same seed, same map.")
