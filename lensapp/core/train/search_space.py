"""Which settings of a recipe a search can try, and in which ranges: read from the bounds of its fields.

A setting is named by its path: `learning_rate`, `augmentation.noise_sigma`, `network_options.filters`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, get_args, get_origin

import annotated_types
from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

from lensapp.core.config import Spec, bound_of, inner_specs, is_fixed, kinds_of, label_of, merged
from lensapp.core.errors import InvalidInput
from lensapp.core.powers import scientific, without_power
from lensapp.core.train.network_specs import find_network
from lensapp.core.train.training_spec import TrainingSpec

OPTIONS = "network_options"
NOT_SEARCHED = (
    "version",
    "network",
    "task",
    "unlabelled",
    "input",
    "monitor",
    "monitor_fpr",
    "average_orientations",
    "event_files",
    "mlflow",
    "shuffle",
    "seed",
    "device",
    "precision",
    "initial_run",
    "fold",
    "folds",
    "fold_seed",
)
LOG_RATIO = 50.0
# Bounds of the format are wider than what anybody would try; these are where the search begins.
USUAL: dict[str, tuple[float, float]] = {
    "epochs": (5, 100),
    "batch_size": (16, 512),
    "learning_rate": (1e-5, 1e-1),
    "weight_decay": (1e-6, 1e-1),
    "early_stopping_patience": (3, 20),
    "augmentation.shift_pixels": (0, 8),
    "augmentation.zoom_min": (0.8, 1.0),
    "augmentation.zoom_max": (1.0, 1.2),
    "augmentation.noise_sigma": (0, 0.3),
    "augmentation.own_noise": (0, 1.5),
    "augmentation.stretch_jitter": (0, 2),
    "normalisation.softening": (0.1, 30),
}
LOGARITHMIC = ("learning_rate", "weight_decay", "batch_size")


class Interval(Spec):
    """Numbers between two limits."""

    low: float = Field(..., title="Smallest", description="Smallest value.")
    high: float = Field(..., title="Largest", description="Largest value.")
    log: bool = Field(default=False, title="Logarithmic", description="Sample the logarithm evenly.")

    @model_validator(mode="after")
    def check_order(self) -> Self:
        """Refuse limits that hold nothing between them, and logarithms of what has none."""
        if not self.low < self.high:
            raise ValueError(
                f"the smallest value must be below the largest, not {self.low:g} and {self.high:g}"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range must begin above 0, not at {self.low:g}")
        return self

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that a recipe must accept."""
        return self.low, self.high


class FloatRange(Interval):
    """Any number between two limits."""

    kind: Literal["float"] = "float"


class IntRange(Interval):
    """Any whole number between two limits."""

    kind: Literal["int"] = "int"
    low: int = Field(..., title="Smallest", description="Smallest value.")
    high: int = Field(..., title="Largest", description="Largest value.")


class Choices(Spec):
    """One of several values."""

    kind: Literal["choice"] = "choice"
    values: tuple[bool | int | float | str | None, ...] = Field(
        ..., min_length=2, max_length=64, title="Choices", description="Values to choose from."
    )

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that a recipe must accept."""
        return self.values


Range = Annotated[FloatRange | IntRange | Choices, Field(discriminator="kind")]
AnyRange = FloatRange | IntRange | Choices


OF_CLASSES = (
    "class_weights",
    "oversampling",
    "label_smoothing",
    "focal_gamma",
    "prior_bias",
    "augmentation.mixup_alpha",
    "augmentation.cutmix_alpha",
)


@dataclass(frozen=True)
class Setting:
    """A setting that can be searched: its path, its label, what it means, and the range to begin with."""

    name: str
    title: str
    description: str
    limits: AnyRange


def settings_of(training: TrainingSpec) -> dict[str, Setting]:
    """Return every setting of a recipe that a search can try, by name."""
    network = find_network(training.network)
    options = network.spec.parse(training.network_options)
    settings = [*_settings(type(training), training, ()), *_settings(network.spec, options, (OPTIONS,))]
    if training.task.kind == "contrastive":  # there is no validation part to go by
        return {}
    barred: tuple[str, ...] = OF_CLASSES if training.task.kind == "regression" else ()
    if training.looks_at_unlabelled:
        barred = ("loss", "augmentation.mixup_alpha", "augmentation.cutmix_alpha")
    return {setting.name: setting for setting in settings if setting.name not in barred}


def _settings(spec: type[Spec], values: Spec, parents: tuple[str, ...]) -> Iterator[Setting]:
    for name, field in spec.model_fields.items():
        if (not parents and name in (*NOT_SEARCHED, OPTIONS)) or is_fixed(field):
            continue
        path, inner = (*parents, name), inner_specs(field.annotation)
        if len(inner) > 1:
            kinds = tuple(str(get_args(kind.model_fields["kind"].annotation)[0]) for kind in inner)
            yield Setting(
                ".".join((*path, "kind")),
                label_of(name, field),
                field.description or "",
                Choices(values=kinds),
            )
        elif inner:
            yield from _settings(inner[0], getattr(values, name), path)
        elif (limits := usual_limits(".".join(path), field, getattr(values, name))) is not None:
            yield Setting(".".join(path), label_of(name, field), field.description or "", limits)


def usual_limits(name: str, field: FieldInfo, value: Any) -> AnyRange | None:
    """Return the range in which a setting is searched unless told otherwise; None if it cannot be."""
    kinds = [kind for kind in kinds_of(field.annotation) if kind is not type(None)]
    if bool in kinds:
        return Choices(values=(False, True))
    if get_origin(kinds[0]) is Literal:
        return Choices(values=get_args(kinds[0])) if len(get_args(kinds[0])) > 1 else None
    several = [kind for kind in kinds if get_origin(kind) is not Literal]  # a word may stand for a number
    if kinds[0] not in (int, float) or len(several) > 1:
        return None
    low, high = usual_bounds(name, field, value)
    if low is None or high is None or not low < high:
        return None
    log = name in LOGARITHMIC or (low > 0 and high / low > LOG_RATIO)
    if kinds[0] is int:
        return IntRange(low=int(low), high=int(high), log=log)
    return FloatRange(low=float(low), high=float(high), log=log)


def usual_bounds(name: str, field: FieldInfo, value: Any) -> tuple[float | None, float | None]:
    """Return where a search begins: the usual range, or the field's bounds near the recipe's value."""
    if name in USUAL:
        return USUAL[name]
    low = bound_of(field, annotated_types.Ge, "ge")
    high = bound_of(field, annotated_types.Le, "le")
    above, below = bound_of(field, annotated_types.Gt, "gt"), bound_of(field, annotated_types.Lt, "lt")
    if low is None and above is not None:
        low = above + 1e-6
    if high is None and below is not None:
        high = 0.9 * below
    if isinstance(value, int) and not isinstance(value, bool) and value > 0 and low is not None:
        # Widths of layers: a quarter to four times the document's, within the bounds.
        low, high = max(low, value // 4), min(high if high is not None else 4 * value, 4 * value)
    return low, high


def check_range(training: TrainingSpec, name: str, limits: AnyRange) -> None:
    """Raise ValueError unless a recipe has the setting `name` and accepts the ends of its range."""
    settings = settings_of(training)
    if name not in settings:
        raise ValueError(f"{name} cannot be searched, only {', '.join(settings)}")
    for value in limits.ends:
        try:
            with_parameters(training, {name: value})
        except InvalidInput as error:
            raise ValueError(f"{name} = {value!r} is refused: {error}") from error


def with_parameters(training: TrainingSpec, parameters: Mapping[str, Any]) -> TrainingSpec:
    """Return a recipe with settings replaced, named by their paths; InvalidInput where it refuses them."""
    values = training.saved()
    for name, value in parameters.items():
        changed: Any = value
        for step in reversed(name.split(".")):
            changed = {step: changed}
        values = merged(values, changed)
    return TrainingSpec.parse(values)


def parse_space(text: str, training: TrainingSpec) -> dict[str, AnyRange]:
    """Read what to search from one line: names, each with an own range or choices where wanted.

    For example `learning_rate=1e-4:1e-2,batch_size,optimizer=adam|sgd,network_options.filters=8:32`.

    Raises
    ------
    InvalidInput
        When a name cannot be searched or a range cannot be read.
    """
    settings = settings_of(training)
    space: dict[str, AnyRange] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, limits = part.partition("=")
        if name not in settings:
            raise InvalidInput(f"{name!r} cannot be searched. Choose some of {', '.join(settings)}.")
        space[name] = narrowed(name, settings[name].limits, limits) if limits else settings[name].limits
    if not space:
        raise InvalidInput(f"There are no settings to search. Choose some of {', '.join(settings)}.")
    return space


def narrowed(name: str, limits: AnyRange, text: str) -> AnyRange:
    """Return the range of a setting that `text` gives: LOW:HIGH or LOW to HIGH, or A|B for choices."""
    if isinstance(limits, Choices) or "|" in text:
        kind = type(limits.ends[0])
        return Choices.parse({"values": [_parsed(name, word, kind) for word in text.split("|")]})
    low, colon, high = text.replace(" to ", ":").partition(":")
    if not colon:
        raise InvalidInput(f"{name}={text} is no range. Write {name}=LOW:HIGH, or {name}=A|B for choices.")
    kind = int if isinstance(limits, IntRange) else float
    ends = {"low": _parsed(name, low, kind), "high": _parsed(name, high, kind)}
    log = limits.log and float(ends["low"]) > 0
    return type(limits).parse(ends | {"log": log})


def figure_words(value: float) -> str:
    """Return an end of a range as `narrowed` reads it: 0.1, and 10⁻⁵ or 2 × 10⁻⁵ where it is small."""
    mantissa, _, exponent = f"{value:g}".partition("e")
    return scientific(mantissa, int(exponent)) if exponent else mantissa


def _parsed(name: str, text: str, kind: type) -> Any:
    if kind is bool:
        return text.strip().lower() in ("true", "yes", "1")
    try:
        return kind(without_power(text))
    except ValueError as error:
        raise InvalidInput(f"{text!r} in the range of {name} is not a number.") from error
