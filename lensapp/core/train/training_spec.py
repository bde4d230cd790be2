"""Everything that decides how a network is trained; the form, the command line and the docs read it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from lensapp.core.config import Spec, describe
from lensapp.core.errors import NotFound
from lensapp.core.split.folds import Fold
from lensapp.core.train.input_spec import InputSpec
from lensapp.core.train.network_specs import find_network
from lensapp.core.train.normalisation import NormalisationSpec
from lensapp.core.train.target_geometry import lone_components, unscalable
from lensapp.core.train.tasks import BinaryTask, RegressionTask, TaskSpec


class AugmentationSpec(Spec):
    """Random changes that show the network each training cutout in a new way in each epoch."""

    d4: bool = Field(
        default=True, description="Turn by multiples of 90° and mirror, which loses no information."
    )
    rotation_deg: float = Field(
        0.0, ge=0.0, le=180.0, description="Turn by any angle up to this one, either way, in degrees."
    )
    rotation_upsampling: int = Field(
        1,
        ge=1,
        le=4,
        description="Finer pixels on which cutouts are turned, moved and zoomed, then averaged; 1 is quick.",
    )
    shift_pixels: float = Field(
        0.0, ge=0.0, le=64.0, description="Move the centre by up to this many pixels along each axis."
    )
    zoom_min: float = Field(
        1.0, ge=0.5, le=1.0, description="Smallest magnification; 1 for both limits switches zooming off."
    )
    zoom_max: float = Field(1.0, ge=1.0, le=2.0, description="Largest magnification.")
    noise_sigma: float = Field(
        0.0, ge=0.0, le=1.0, description="Standard deviation of added noise, in normalised units."
    )
    stretch_jitter: float = Field(
        0.0, ge=0.0, le=5.0, description="Strength of a random change of the stretch; 0 switches it off."
    )
    fill: Literal["zero", "reflect", "wrap"] = Field(
        "zero", description="What stands beyond the edge of a turned or moved cutout."
    )

    @property
    def interpolates(self) -> bool:
        """Whether pixels are resampled, which costs far more than turns by 90°."""
        return bool(self.rotation_deg or self.shift_pixels or self.zoom_min != 1.0 or self.zoom_max != 1.0)


class ConstantSchedule(Spec):
    """The same learning rate in all epochs."""

    kind: Literal["constant"] = "constant"


class StepSchedule(Spec):
    """A learning rate multiplied by a factor every so many epochs."""

    kind: Literal["step"] = "step"
    epochs: int = Field(40, ge=1, le=10_000, description="Epochs between two decays.")
    factor: float = Field(
        0.1, gt=0.0, le=1.0, description="Factor applied to the learning rate at each decay."
    )


class CosineSchedule(Spec):
    """A learning rate that falls along half a cosine to a last value."""

    kind: Literal["cosine"] = "cosine"
    warmup_epochs: int = Field(0, ge=0, le=1000, description="Epochs of linear rise before the fall begins.")
    last_fraction: float = Field(
        0.01, ge=0.0, le=1.0, description="Learning rate of the last epoch as a share of the first."
    )


ScheduleSpec = Annotated[ConstantSchedule | StepSchedule | CosineSchedule, Field(discriminator="kind")]


class TrainingSpec(Spec):
    """How a network is trained: saved as `spec.json` beside it."""

    version: Literal[1] = Field(1, description="Version of this format.")
    network: str = Field("elu_cnn", description="Name of the network to train.")
    network_options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the network that differ from its document."
    )
    task: TaskSpec = Field(default_factory=BinaryTask, description="What the network is asked.")
    epochs: int = Field(20, ge=1, le=10_000, description="Passes through the training part, at most.")
    batch_size: int = Field(128, ge=1, le=8192, description="Cutouts per step of the optimiser.")
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = Field(
        "adam", description="Rule that turns gradients into steps; sgd uses a momentum of 0.9."
    )
    learning_rate: float = Field(1e-3, gt=0.0, le=10.0, description="Size of the optimiser's first steps.")
    schedule: ScheduleSpec = Field(
        default_factory=ConstantSchedule, description="How the learning rate changes with the epochs."
    )
    weight_decay: float = Field(
        0.0, ge=0.0, le=1.0, description="Penalty on the squares of the kernels, which favours small weights."
    )
    batch_momentum: float | None = Field(
        None,
        ge=0.0,
        lt=1.0,
        json_schema_extra={"empty": "the network's own"},
        description="Share of its older statistics that batch normalisation keeps at each step; empty is the "
        "network's own, often 0.99, which takes hundreds of steps to settle: small surveys want 0.9.",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        json_schema_extra={"words": {"none": "as they come", "balanced": "balanced"}},
        description="'balanced' makes all classes count the same in the loss.",
    )
    monitor: Literal["val_loss", "val_auc"] = Field(
        "val_loss", description="Figure of the validation part that decides which epoch is best."
    )
    early_stopping_patience: int = Field(
        0, ge=0, le=1000, description="Stop after so many epochs without improvement; 0 never stops early."
    )
    augmentation: AugmentationSpec = Field(
        default_factory=AugmentationSpec, description="Random changes of the training cutouts."
    )
    normalisation: NormalisationSpec = Field(
        default_factory=NormalisationSpec, description="How pixels become the input of the network."
    )
    input: InputSpec = Field(
        default_factory=InputSpec, description="Which pixels of its cutouts the network sees."
    )
    shuffle: bool = Field(default=True, description="Take the training cutouts in a new order in each epoch.")
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Start of all random numbers; same seed, same network."
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|gpu:\d+|gpu:all|cpu:[1-9]\d?)$",
        description="auto (a GPU where there is one), cpu or gpu:0; gpu:all shares each batch among all GPUs "
        "of this machine, cpu:2 among two parts of the processor.",
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32", description="Mixed precision is faster on recent GPUs and slower on a CPU."
    )
    initial_run: str | None = Field(
        None,
        description="Run whose best network is trained further instead of a new one; for another task its "
        "last layer is new.",
    )
    initial_weights: str | None = Field(
        None,
        description="File on this machine with the ImageNet weights that keras.applications publishes for "
        "vgg16, resnet50, resnet101 or resnet152; nothing is downloaded.",
    )
    frozen_fraction: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Share of the layers, from the input on, that keep the weights they start with; 1 trains "
        "the last layer only.",
    )
    unfreeze_epoch: int | None = Field(
        None,
        ge=2,
        le=10_000,
        json_schema_extra={"empty": "never"},
        description="Epoch from which the frozen layers train too; empty keeps them frozen.",
    )
    unfreeze_factor: float = Field(
        0.1, gt=0.0, le=1.0, description="Factor on the learning rate from that epoch on."
    )
    fold: int | None = Field(
        None,
        ge=1,
        le=50,
        description="Fold of the training and validation parts that validates; the others are trained on.",
    )
    folds: int = Field(
        0, ge=0, le=50, description="Folds these parts are dealt to; 0 takes those of the dataset."
    )
    fold_seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Start of the random numbers that deal the folds."
    )

    @property
    def held_out(self) -> Fold | None:
        """The fold that validates, or None for the parts of the dataset."""
        return None if self.fold is None else Fold(self.fold, self.folds, self.fold_seed)

    @model_validator(mode="after")
    def _network_exists(self) -> Self:
        try:
            network = find_network(self.network)
        except NotFound as error:
            raise ValueError(str(error)) from error
        try:
            network.spec.model_validate(self.network_options)
        except ValidationError as error:
            raise ValueError(f"Options of {network.title}, {describe(error, network.spec)}") from error
        return self

    @model_validator(mode="after")
    def _settings_fit_regression(self) -> Self:
        if not isinstance(self.task, RegressionTask):
            return self
        if self.monitor != "val_loss":
            raise ValueError(f"{self.monitor} belongs to classes: set Monitor to val_loss to estimate values")
        if self.class_weights != "none":
            raise ValueError("there are no classes to balance: set Class weights to none to estimate values")
        _require_carried(self.task.targets, self.augmentation)
        return self


def _require_carried(targets: tuple[str, ...], augmentation: AugmentationSpec) -> None:
    """Raise ValueError for augmentations that would make a target untrue."""
    lone = lone_components(targets)
    if lone and (augmentation.d4 or augmentation.interpolates):
        raise ValueError(
            f"{', '.join(lone)} cannot follow turned cutouts without the other component: add it to the "
            "targets, or switch D4 and the turns under Augmentation off"
        )
    fixed = unscalable(targets)
    if fixed and (augmentation.zoom_min != 1.0 or augmentation.zoom_max != 1.0):
        raise ValueError(f"nothing says how {', '.join(fixed)} changes with the size: switch zooming off")
