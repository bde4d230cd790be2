"""A comparison: several networks trained with the same budget on one dataset version, side by side."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from lensapp.core.config import Spec, merged
from lensapp.core.errors import InvalidInput
from lensapp.core.train.baseline_spec import BaselineInput, BaselineKind, BaselineSpec
from lensapp.core.train.presets import find_preset
from lensapp.core.train.training_spec import TrainingSpec

ENDLESS = 10_000
NOT_SHARED = ("network", "network_options", "initial_run")


class ComparisonSpec(Spec):
    """What is compared and with which budget; the `spec` of a study of kind "comparison"."""

    version: Literal[1] = Field(1, description="Version of this format.")
    models: tuple[str, ...] = Field((), title="Networks", description="Networks to train.")
    presets: tuple[str, ...] = Field((), title="Recipes", description="Published recipes to train.")
    runs: tuple[str, ...] = Field(
        (), title="Existing runs", description="Runs of the same dataset version to list beside them."
    )
    baselines: tuple[BaselineKind, ...] = Field(
        (), title="Classical baselines", description="Classical classifiers to fit."
    )
    baselines_on: tuple[BaselineInput, ...] = Field(
        ("pixels", "morphology"), title="Baselines on", description="Input of the classical classifiers."
    )
    training: dict[str, Any] = Field(
        default_factory=dict,
        title="Shared settings",
        description="Training settings shared by all, such as the epochs.",
    )
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, title="Network options", description="Options of networks, by network."
    )
    minutes: float | None = Field(
        None,
        gt=0.0,
        le=100_000.0,
        title="Time limit (min)",
        description="Time limit of each training, in minutes.",
    )
    clock: Literal["wall", "processor"] = Field(
        "wall",
        title="Clock",
        description="'processor' counts the minutes of all cores, fair on a machine that does other work.",
        json_schema_extra={"words": {"wall": "clock time", "processor": "processor time"}},
    )

    @model_validator(mode="after")
    def check_shared_settings(self) -> Self:
        """Refuse settings that cannot hold for all networks."""
        wrong = sorted(set(self.training) & set(NOT_SHARED))
        if wrong:
            raise ValueError(f"training: {', '.join(wrong)} cannot hold for all networks")
        unknown = sorted(set(self.options) - set(self.models))
        if unknown:
            raise ValueError(f"options: {', '.join(unknown)} are not among the models")
        return self


@dataclass(frozen=True)
class Entry:
    """One row of a comparison: a recipe to train, a classical classifier to fit, or a run that exists."""

    label: str
    recipe: TrainingSpec | BaselineSpec | str


def entries_of(spec: ComparisonSpec) -> list[Entry]:
    """Return the rows of a comparison in order, every recipe validated.

    Raises
    ------
    NotFound
        When a preset does not exist.
    InvalidInput
        When there is nothing to compare, or a setting is refused.
    """
    shared = spec.training if spec.minutes is None else {"epochs": ENDLESS} | spec.training
    of_baselines = {key: shared[key] for key in ("task", "seed") if key in shared}
    recipes = {
        name: {"network": name, "network_options": spec.options.get(name, {})} for name in spec.models
    } | {preset.name: preset.spec.saved() for preset in map(find_preset, spec.presets)}
    entries = [Entry(name, TrainingSpec.parse(merged(base, shared))) for name, base in recipes.items()]
    without_labels = [
        entry.label
        for entry in entries
        if isinstance(entry.recipe, TrainingSpec) and entry.recipe.task.kind == "contrastive"
    ]
    if without_labels:
        raise InvalidInput(
            f"{', '.join(without_labels)} trains without labels and gives no score to compare. Leave it out."
        )
    for on in spec.baselines_on:
        for kind in spec.baselines:
            baseline = BaselineSpec.parse({"baseline": kind, "on": on} | of_baselines)
            entries.append(Entry(baseline.label, baseline))
    entries += [Entry(name, name) for name in dict.fromkeys(spec.runs)]
    if not entries:
        raise InvalidInput(
            "There is nothing to compare. Name networks, presets, baselines or runs; 'models' and 'presets' "
            "list them."
        )
    return entries
