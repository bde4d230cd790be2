"""How one cutout's score is explained: the command line and the docs read it."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec

SCORE = "score"


class ExplainSpec(Spec):
    """How one finds what the score of a cutout rests on: hidden regions, and the network's gradients."""

    about: str | None = Field(
        None,
        title="Class or value",
        description="Class or value to explain; empty: the score, or the first estimated value.",
    )
    perturbations: int = Field(
        1000,
        ge=100,
        le=20_000,
        title="Perturbed copies",
        description="Number of copies of the cutout with random regions hidden.",
    )
    segments: int = Field(
        80, ge=4, le=1000, title="Regions", description="Approximate number of regions of similar colour."
    )
    fill: Literal["sky", "median"] = Field(
        "sky",
        title="Hide regions by",
        description="What hides a region: pixels drawn from the cutout's own sky with their noise, or the "
        "median of the sky.",
    )
    kernel_width: float = Field(
        0.25,
        gt=0.0,
        le=10.0,
        title="Kernel width",
        description="Copies with more hidden weigh less: width of the kernel over the distance 1 − √(share "
        "of regions shown).",
    )
    gradients: bool = Field(
        default=True,
        title="Gradients",
        description="Grad-CAM and integrated gradients beside the hidden regions, where the run is one "
        "network.",
    )
    path_steps: int = Field(
        64,
        ge=8,
        le=2000,
        title="Steps of the path",
        description="Steps from sky alone to the cutout along which gradients are summed.",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Random seed", description="Random seed.")


OF_A_PAGE = ExplainSpec(perturbations=400, path_steps=24)
"""How all cutouts of a sheet are explained: in little more than half the time, near enough to look at."""
