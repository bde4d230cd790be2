"""Everything that decides how a network is trained; the form, the command line and the docs read it."""

from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Lt
from pydantic import Field, ValidationError, model_validator

from lensapp.core.config import Spec, describe_invalid
from lensapp.core.errors import NotFound
from lensapp.core.split.folds import Fold
from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.input_spec import InputSpec
from lensapp.core.train.network_specs import find_network
from lensapp.core.train.normalisation import NormalisationSpec
from lensapp.core.train.target_geometry import lone_components, unscalable
from lensapp.core.train.tasks import BinaryTask, ContrastiveTask, RegressionTask, TaskSpec
from lensapp.core.train.unlabelled_spec import FixMatchSpec, LabelsOnly, UnlabelledSpec


class ConstantSchedule(Spec):
    """The same learning rate in all epochs."""

    kind: Literal["constant"] = "constant"


class StepSchedule(Spec):
    """A learning rate multiplied by a factor every so many epochs."""

    kind: Literal["step"] = "step"
    epochs: int = Field(
        40, ge=1, le=10_000, title="Epochs per step", description="Epochs between two decays."
    )
    factor: float = Field(
        0.1, gt=0.0, le=1.0, title="Decay factor", description="Factor on the learning rate at each decay."
    )


class CosineSchedule(Spec):
    """A learning rate that falls along half a cosine to a last value."""

    kind: Literal["cosine"] = "cosine"
    warmup_epochs: int = Field(
        0, ge=0, le=1000, title="Warm-up epochs", description="Epochs of linear rise before the decay."
    )
    last_fraction: float = Field(
        0.01,
        ge=0.0,
        le=1.0,
        title="Final fraction",
        description="Learning rate of the last epoch as a fraction of the initial one.",
    )


class OneCycleSchedule(Spec):
    """A learning rate that rises from a small value to the one given, and falls far below both."""

    kind: Literal["one_cycle"] = "one_cycle"
    rise_fraction: float = Field(
        0.3, gt=0.0, lt=1.0, title="Rise", description="Fraction of the training in which the rate rises."
    )
    first_fraction: float = Field(
        0.04,
        gt=0.0,
        le=1.0,
        title="First fraction",
        description="Learning rate of the first epoch as a fraction of the highest.",
    )
    last_fraction: float = Field(
        1e-4,
        ge=0.0,
        le=1.0,
        title="Final fraction",
        description="Learning rate of the last epoch as a fraction of that of the first.",
    )


class CyclicSchedule(Spec):
    """A learning rate that falls along half a cosine again and again; each time a network is ready."""

    kind: Literal["cyclic"] = "cyclic"
    cycles: int = Field(
        4,
        ge=2,
        le=50,
        title="Cycles",
        description="How often the learning rate falls from its first value; at most once an epoch.",
    )
    snapshots: bool = Field(
        default=True,
        title="Keep a network of each cycle",
        description="Keep the network at the end of each cycle; in the end they score together as a "
        "committee.",
    )

    def length(self, epochs: int) -> int:
        """Return the epochs of a cycle; the last one may be shorter."""
        return -(-epochs // self.cycles)

    def ends(self, epoch: int, epochs: int) -> bool:
        """Whether a cycle ends with this epoch, counted from 1."""
        return epoch % self.length(epochs) == 0 or epoch == epochs


ScheduleSpec = Annotated[
    ConstantSchedule | StepSchedule | CosineSchedule | OneCycleSchedule | CyclicSchedule,
    Field(discriminator="kind"),
]


class TrainingSpec(Spec):
    """How a network is trained: saved as `spec.json` beside it."""

    version: Literal[1] = Field(1, description="Version of this format.")
    network: str = Field("elu_cnn", title="Network", description="Network to train.")
    network_options: dict[str, Any] = Field(
        default_factory=dict,
        title="Network options",
        description="Options of the network that differ from its publication.",
    )
    task: TaskSpec = Field(
        default_factory=BinaryTask, title="Task", description="What the network learns to predict."
    )
    epochs: int = Field(20, ge=1, le=10_000, title="Epochs", description="Maximum number of epochs.")
    batch_size: int = Field(128, ge=1, le=8192, title="Batch size", description="Cutouts per batch.")
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = Field(
        "adam",
        title="Optimiser",
        description="Optimiser; sgd uses a momentum of 0.9.",
        json_schema_extra={"words": {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}},
    )
    learning_rate: float = Field(
        1e-3, gt=0.0, le=10.0, title="Learning rate", description="Initial learning rate."
    )
    schedule: ScheduleSpec = Field(
        default_factory=ConstantSchedule,
        title="Learning rate schedule",
        description="How the learning rate changes with the epochs.",
    )
    weight_decay: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        title="Weight decay",
        description="Penalty on the squared kernel weights (L2).",
    )
    weight_decay_as: Literal["keras", "pytorch"] = Field(
        "keras",
        title="Weight decay as in",
        description="keras adds λ Σ w² of the kernels to the loss, which gives their gradients 2λw; pytorch "
        "adds λw to the gradient of every weight, as its Adam does; AdamW has its own way.",
        json_schema_extra={"words": {"keras": "Keras", "pytorch": "PyTorch"}},
    )
    loss: Literal["likelihood", "squared", "absolute"] = Field(
        "likelihood",
        title="Loss",
        description="What training minimises: cross-entropy (for values their likelihood), the squared error "
        "(L2) or the absolute error (MAE); the curves show the first in any case.",
        json_schema_extra={
            "words": {"likelihood": "likelihood", "squared": "squared (L2)", "absolute": "absolute (MAE)"}
        },
    )
    batch_momentum: Annotated[float, Ge(0.0), Lt(1.0)] | Literal["auto"] | None = Field(
        None,
        title="Batch-norm momentum",
        json_schema_extra={"empty": "the network's own", "words": {"auto": "from the number of steps"}},
        description="Momentum of batch normalisation; empty takes the network's own, often 0.99, which needs "
        "hundreds of steps to settle, and auto 0.9 where an epoch has fewer than 300 steps.",
    )
    weight_average: float | None = Field(
        None,
        ge=0.5,
        lt=1.0,
        title="Weight averaging",
        json_schema_extra={"empty": "off"},
        description="Decay per step of a running mean of the weights, which is validated and saved in place "
        "of the last weights: 0.99 for small surveys, 0.999 for many steps.",
    )
    gradient_clip: float | None = Field(
        None,
        gt=0.0,
        le=1000.0,
        title="Gradient clipping",
        json_schema_extra={"empty": "off"},
        description="Largest norm of all gradients together; larger ones are shortened to it.",
    )
    label_smoothing: float = Field(
        0.0,
        ge=0.0,
        lt=0.5,
        title="Label smoothing",
        description="Share of a label that is spread evenly over the classes; forgives wrong labels.",
    )
    focal_gamma: float = Field(
        0.0,
        ge=0.0,
        le=5.0,
        title="Focal loss",
        description="Exponent that plays down cutouts which are decided well; 0 is plain cross-entropy.",
    )
    prior_bias: bool = Field(
        default=False,
        title="Start at the class shares",
        description="Let the untrained network give each class its share of the training part.",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        title="Class weights",
        json_schema_extra={"words": {}},
        description="'balanced' gives all classes the same weight in the loss.",
    )
    oversampling: float | None = Field(
        None,
        gt=0.0,
        le=1.0,
        title="Oversampling",
        json_schema_extra={"empty": "off"},
        description="Show cutouts of rare classes several times an epoch, until each class has this share of "
        "the number of the most frequent one; 1 makes all equally frequent.",
    )
    monitor: Literal["val_loss", "val_auc", "val_partial_auc", "val_tpr_at_fpr"] = Field(
        "val_loss",
        title="Monitor",
        description="Figure of the validation part that selects the best epoch; AUROC to FPR 0.05 is the "
        "area under the ROC up to that false positive rate. Of equal epochs, and where fewer than 3 of the "
        "non-lenses are expected above the rate (60 in all at 0.05), AUROC decides, then the loss.",
        json_schema_extra={
            "words": {
                "val_loss": "loss",
                "val_auc": "AUROC",
                "val_partial_auc": "AUROC to FPR 0.05",
                "val_tpr_at_fpr": "TPR at the FPR below",
            }
        },
    )
    monitor_fpr: float = Field(
        0.01,
        gt=0.0,
        lt=1.0,
        title="FPR of the TPR",
        description="False positive rate at which the true positive rate of each epoch is read.",
    )
    early_stopping_patience: int = Field(
        0,
        ge=0,
        le=1000,
        title="Early stopping patience",
        description="Stop after this many epochs in which the monitored figure did not improve; the same "
        "again with a lower loss is no improvement. 0 never stops early.",
    )
    augmentation: AugmentationSpec = Field(
        default_factory=AugmentationSpec,
        title="Augmentation",
        description="Random changes of the training cutouts.",
    )
    normalisation: NormalisationSpec = Field(
        default_factory=NormalisationSpec,
        title="Normalisation",
        description="How fluxes become the input of the network.",
    )
    unlabelled: UnlabelledSpec = Field(
        default_factory=LabelsOnly,
        title="Unlabelled cutouts",
        description="Whether cutouts without labels help: fixmatch takes what the network is sure of as "
        "their labels.",
    )
    input: InputSpec = Field(
        default_factory=InputSpec, title="Input", description="Which pixels of a cutout the network sees."
    )
    average_orientations: bool = Field(
        default=False,
        title="Score in all orientations",
        description="Score each cutout as the mean over its eight rotations and reflections, in evaluations "
        "and surveys too: steadier, and eight times slower.",
    )
    event_files: bool = Field(
        default=False,
        title="Write TensorBoard files",
        description="Write the figures of each epoch as event files for TensorBoard into the run's folder.",
    )
    mlflow: bool = Field(
        default=False,
        title="Write an MLflow run",
        description="Write settings and figures of each epoch for MLflow into the workspace's folder mlruns.",
    )
    shuffle: bool = Field(
        default=True, title="Shuffle", description="Shuffle the training cutouts in each epoch."
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, title="Seed", description="Random seed; the same seed gives the same network."
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|gpu:\d+|gpu:all|cpu:[1-9]\d?)$",
        title="Device",
        description="auto (a GPU where there is one), cpu or gpu:0; gpu:all splits each batch over all GPUs "
        "of this machine, cpu:2 over two parts of the processor.",
    )
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "auto",
        title="Precision",
        description="With mixed precision layers compute in 16 bits; weights and scores keep 32; auto is "
        "mixed bfloat16 on GPUs made for it, and 32 bits on others and on a CPU, where it is slower.",
        json_schema_extra={
            "words": {
                "auto": "auto",
                "float32": "32 bits",
                "mixed_float16": "mixed, float16",
                "mixed_bfloat16": "mixed, bfloat16",
            }
        },
    )
    initial_run: str | None = Field(
        None,
        title="Start from",
        description="Continue from this run's best network; for another task the last layer is new.",
    )
    initial_weights: str | None = Field(
        None,
        title="Published weights",
        description="File on this machine with the ImageNet weights that keras.applications publishes for "
        "vgg16, resnet50, resnet101, resnet152, convnext_tiny, efficientnet_v2_b0, efficientnet_v2_s or "
        "densenet121; nothing is downloaded.",
    )
    frozen_fraction: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        title="Frozen fraction",
        description="Fraction of layers to freeze, from the input; 1 trains the last layer only.",
    )
    unfreeze_epoch: int | None = Field(
        None,
        ge=2,
        le=10_000,
        title="Unfreeze at epoch",
        json_schema_extra={"empty": "never"},
        description="Epoch from which the frozen layers train too; empty keeps them frozen.",
    )
    unfreeze_factor: float = Field(
        0.1,
        gt=0.0,
        le=1.0,
        title="Learning rate factor after unfreezing",
        description="Factor on the learning rate from that epoch on.",
    )
    fold: int | None = Field(
        None,
        ge=1,
        le=50,
        title="Validation fold",
        description="Fold used for validation; the network is trained on the others.",
    )
    folds: int = Field(
        0,
        ge=0,
        le=50,
        title="Folds",
        description="Number of folds of the training and validation parts; 0 takes those of the dataset.",
    )
    fold_seed: int = Field(
        0, ge=0, le=2**31 - 1, title="Fold seed", description="Random seed of the assignment to folds."
    )

    @property
    def held_out(self) -> Fold | None:
        """The fold that validates, or None for the parts of the dataset."""
        return None if self.fold is None else Fold(self.fold, self.folds, self.fold_seed)

    @property
    def looks_at_unlabelled(self) -> bool:
        """Whether cutouts are looked at without their labels."""
        return isinstance(self.task, ContrastiveTask) or isinstance(self.unlabelled, FixMatchSpec)

    @property
    def unlabelled_source(self) -> str | None:
        """The source of these cutouts; None for those of the dataset version."""
        if isinstance(self.task, ContrastiveTask):
            return self.task.source
        return self.unlabelled.source if isinstance(self.unlabelled, FixMatchSpec) else None

    @model_validator(mode="after")
    def check_network(self) -> Self:
        """Refuse an unknown network or options that it does not have."""
        try:
            network = find_network(self.network)
        except NotFound as error:
            raise ValueError(str(error)) from error
        try:
            network.spec.model_validate(self.network_options)
        except ValidationError as error:
            raise ValueError(
                f"Options of {network.title}, {describe_invalid(error, network.spec)}"
            ) from error
        return self

    @model_validator(mode="after")
    def check_loss(self) -> Self:
        """Refuse forms of the cross-entropy for another loss."""
        if self.loss != "likelihood" and (self.focal_gamma or self.label_smoothing):
            raise ValueError(
                "label smoothing and focal loss are forms of the cross-entropy: leave them out, or set Loss "
                "to likelihood"
            )
        return self

    @model_validator(mode="after")
    def check_unlabelled(self) -> Self:
        """Refuse settings of labels for a training that looks at none, and what FixMatch cannot do."""
        if isinstance(self.unlabelled, FixMatchSpec):
            if isinstance(self.task, RegressionTask | ContrastiveTask) or self.loss != "likelihood":
                raise ValueError(
                    "FixMatch answers with classes: set Unlabelled cutouts to none for values, features and "
                    "other losses"
                )
            if self.augmentation.mixes:
                raise ValueError("FixMatch changes cutouts one by one: switch off mixup and cutmix")
        if not isinstance(self.task, ContrastiveTask):
            return self
        of_labels = {
            "Class weights": self.class_weights != "none",
            "Oversampling": bool(self.oversampling),
            "Label smoothing": bool(self.label_smoothing),
            "Focal loss": bool(self.focal_gamma),
            "Start at the class shares": self.prior_bias,
            "Mixup or cutmix": self.augmentation.mixes,
            "Early stopping patience": bool(self.early_stopping_patience),
            "Validation fold": self.fold is not None,
            "Score in all orientations": self.average_orientations,
        }
        if given := [name for name, is_set in of_labels.items() if is_set]:
            raise ValueError(f"a training without labels has no use for {', '.join(given)}: leave it out")
        return self

    @model_validator(mode="after")
    def check_regression(self) -> Self:
        """Refuse settings of classes, and augmentations that would make a target untrue."""
        if not isinstance(self.task, RegressionTask):
            return self
        if self.monitor != "val_loss":
            raise ValueError(f"{self.monitor} belongs to classes: set Monitor to val_loss to estimate values")
        if self.class_weights != "none":
            raise ValueError("there are no classes to balance: set Class weights to none to estimate values")
        if self.label_smoothing or self.focal_gamma or self.prior_bias or self.oversampling:
            raise ValueError(
                "label smoothing, focal loss, class shares and oversampling belong to classes: leave them "
                "out for values"
            )
        augmentation = self.augmentation
        if augmentation.mixes:
            raise ValueError("mixed cutouts have no values: switch off mixup and cutmix to estimate values")
        if self.average_orientations:
            raise ValueError("values turn with the cutout: score in one orientation to estimate values")
        lone = lone_components(self.task.targets)
        if lone and (augmentation.d4 or augmentation.interpolates):
            raise ValueError(
                f"{', '.join(lone)} cannot follow rotated cutouts without the other component: add it to the "
                "targets, or switch off the rotations under Augmentation"
            )
        unscaled = unscalable(self.task.targets)
        if unscaled and (augmentation.zoom_min != 1.0 or augmentation.zoom_max != 1.0):
            raise ValueError(
                f"it is unknown how {', '.join(unscaled)} changes with the size: switch off zooming"
            )
        return self
