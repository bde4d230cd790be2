"""Classical classifiers that stand beside the networks: decision tree, SVM, MLP and logistic regression."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.train.tasks import BinaryTask, ClassTask

BaselineKind = Literal["tree", "svm", "mlp", "logistic"]
BaselineInput = Literal["pixels", "morphology", "features"]

KINDS: tuple[BaselineKind, ...] = ("tree", "svm", "mlp", "logistic")


class BaselineSpec(Spec):
    """How a classical classifier is trained; stands in the place of the recipe of its run."""

    version: Literal[1] = Field(1, description="Version of this format.")
    baseline: BaselineKind = Field(title="Classifier", description="The classifier.")
    on: BaselineInput = Field(
        "pixels",
        title="Input",
        description="pixels: the normalised cutout, averaged over blocks, as principal components; "
        "morphology: our own quick measures of light, shape and colours, not CAS, Gini or M20; features: "
        "the penultimate layer of a run.",
    )
    features_of: str | None = Field(
        None, title="Features of", description="Run whose features are used, for 'features'."
    )
    task: BinaryTask | ClassTask = Field(
        default_factory=BinaryTask,
        discriminator="kind",
        title="Task",
        description="What the classifier learns to predict.",
    )
    grid: int = Field(
        24, ge=4, le=128, title="Grid", description="Blocks along each side over which pixels are averaged."
    )
    components: int = Field(
        50, ge=2, le=500, title="Components", description="Principal components kept of the pixels."
    )
    largest_sample: int = Field(
        5_000,
        ge=10,
        le=1_000_000,
        title="Training sample",
        description="Maximum number of training cutouts; of more, a random sample is used.",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="Random seed.")

    @property
    def label(self) -> str:
        """What a table calls it, as "svm on pixels"."""
        return f"{self.baseline} on {self.on}" + (f" of {self.features_of}" if self.features_of else "")
