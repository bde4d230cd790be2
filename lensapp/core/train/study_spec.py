"""What a cross-validation or a search of hyper-parameters is made of; saved with the study."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lensapp.core.config import Spec
from lensapp.core.train.search_space import Range, check_range, with_parameters
from lensapp.core.train.training_spec import TrainingSpec

StudyKind = Literal["kfold", "search", "comparison"]


class KfoldSpec(Spec):
    """A cross-validation: one recipe, trained once per fold."""

    version: Literal[1] = Field(1, description="Version of this format.")
    folds: int = Field(
        5,
        ge=2,
        le=50,
        title="Folds",
        description="Number of folds; a version that was split with folds begins with these.",
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, title="Fold seed", description="Random seed of the assignment to folds."
    )
    training: TrainingSpec = Field(
        default_factory=TrainingSpec, title="Recipe", description="How each fold is trained."
    )

    def recipes(self) -> list[TrainingSpec]:
        """Return the recipe of each fold in turn."""
        return [
            self.training.replaced(fold=number, folds=self.folds, fold_seed=self.seed)
            for number in range(1, self.folds + 1)
        ]


class SearchSpec(Spec):
    """A search of hyper-parameters: one recipe, some of whose settings are tried out."""

    version: Literal[1] = Field(1, description="Version of this format.")
    trials: int = Field(20, ge=1, le=10_000, title="Trials", description="Maximum number of trials.")
    timeout_seconds: float | None = Field(
        None,
        gt=0.0,
        le=1e8,
        title="Time limit (s)",
        description="Begin no new trial after this many seconds of training.",
    )
    sampler: Literal["tpe", "random"] = Field(
        "tpe",
        title="Sampler",
        description="tpe proposes settings from the results so far; random draws them at random.",
        json_schema_extra={"words": {"tpe": "TPE"}},
    )
    startup_trials: int = Field(
        10,
        ge=1,
        le=1000,
        title="Random trials first",
        description="Random trials before tpe and pruning begin.",
    )
    pruner: Literal["median", "hyperband", "none"] = Field(
        "median",
        title="Pruner",
        description="Trials to end early: those behind the median, or by successive halving (hyperband).",
        json_schema_extra={"words": {"hyperband": "Hyperband"}},
    )
    warmup_epochs: int = Field(
        3, ge=1, le=10_000, title="Warm-up epochs", description="Epochs before a trial can be pruned."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="Random seed of the search.")
    training: TrainingSpec = Field(
        default_factory=TrainingSpec, title="Recipe", description="The recipe of every trial."
    )
    space: dict[str, Range] = Field(
        ...,
        min_length=1,
        max_length=32,
        title="Settings to try",
        description="Settings to try, by name, with their ranges.",
    )

    @model_validator(mode="after")
    def check_space(self) -> Self:
        """Refuse ranges that the recipe does not accept, and a recipe without any validation to go by."""
        if self.training.task.kind == "contrastive":
            raise ValueError("a training without labels has no validation part to search by: give it a task")
        for name, limits in self.space.items():
            check_range(self.training, name, limits)
        return self

    @property
    def minimises(self) -> bool:
        """Whether a smaller value of the monitored figure is better."""
        return self.training.monitor == "val_loss"

    def recipe(self, parameters: dict[str, object]) -> TrainingSpec:
        """Return the recipe of a trial."""
        return with_parameters(self.training, parameters)
