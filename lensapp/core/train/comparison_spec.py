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
    models: tuple[str, ...] = Field((), description="Networks to train, by name.")
    presets: tuple[str, ...] = Field((), description="Recipes of the documents to train.")
    runs: tuple[str, ...] = Field((), description="Runs of the same dataset version to show beside them.")
    baselines: tuple[BaselineKind, ...] = Field((), description="Classical classifiers to fit.")
    baselines_on: tuple[BaselineInput, ...] = Field(
        ("pixels", "morphology"), description="What the classical classifiers see."
    )
    training: dict[str, Any] = Field(
        default_factory=dict, description="Training settings that hold for all, such as epochs."
    )
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Options of networks by their names."
    )
    minutes: float | None = Field(
        None, gt=0.0, le=100_000.0, description="Time that each training may take, in minutes; it then ends."
    )
    clock: Literal["wall", "processor"] = Field(
        "wall", description="'processor' counts minutes of all cores, fair on a machine that does other work."
    )

    @model_validator(mode="after")
    def _shared_settings_only(self) -> Self:
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
    found = [
        Entry(name, _recipe({"network": name, "network_options": spec.options.get(name, {})}, shared))
        for name in dict.fromkeys(spec.models)
    ]
    found += [
        Entry(name, _recipe(find_preset(name).spec.saved(), shared)) for name in dict.fromkeys(spec.presets)
    ]
    found += [_baseline(kind, on, shared) for on in spec.baselines_on for kind in spec.baselines]
    found += [Entry(name, name) for name in dict.fromkeys(spec.runs)]
    if not found:
        raise InvalidInput(
            "Expected networks, presets, baselines or runs to compare, received none. Name some; "
            "'models' and 'presets' list them."
        )
    return found


def _recipe(base: dict[str, Any], shared: dict[str, Any]) -> TrainingSpec:
    return TrainingSpec.parse(merged(base, shared))


def _baseline(kind: BaselineKind, on: BaselineInput, shared: dict[str, Any]) -> Entry:
    values = {key: shared[key] for key in ("task", "seed") if key in shared}
    spec = BaselineSpec.parse({"baseline": kind, "on": on} | values)
    return Entry(spec.label, spec)
