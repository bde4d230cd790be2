"""What a training needs to start from trained weights."""

from pathlib import Path

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.train.training_spec import TrainingSpec

PUBLISHED_NETWORKS = (
    *("vgg16", "resnet50", "resnet101", "resnet152"),
    *("convnext_tiny", "efficientnet_v2_b0", "efficientnet_v2_s", "densenet121"),
)
"""Networks whose layers are those of keras.applications, which publishes ImageNet weights for them."""

STARTER = "starter"
"""Name of the run of the network that is shipped with the program."""


def require_start(spec: TrainingSpec) -> None:
    """Raise InvalidInput or NotFound where a training cannot start from what its recipe names."""
    if spec.initial_run and spec.initial_weights:
        raise InvalidInput(
            f"A training starts from one network, but both the run {spec.initial_run} and the file "
            f"{spec.initial_weights} are given. Leave one out."
        )
    if spec.frozen_fraction and not (spec.initial_run or spec.initial_weights):
        raise InvalidInput(
            f"A new network has no trained layers to freeze (frozen_fraction {spec.frozen_fraction:g}). Give "
            "initial_run or initial_weights, or freeze nothing."
        )
    if spec.initial_weights is None:
        return
    if spec.network not in PUBLISHED_NETWORKS:
        raise InvalidInput(
            f"There are no published weights for {spec.network}, only for {', '.join(PUBLISHED_NETWORKS)}. "
            "Choose one of them, or start from a run."
        )
    if not Path(spec.initial_weights).is_file():
        raise NotFound(
            f"There is no file of weights at {spec.initial_weights}. Give the path of a .h5, .weights.h5 or "
            ".keras file on this machine."
        )


def require_validation(spec: TrainingSpec, *, validated: bool) -> None:
    """Raise InvalidInput where a recipe asks the validation part when to stop, and there is none."""
    if spec.early_stopping_patience and not validated:
        raise InvalidInput(
            f"Stopping early after {spec.early_stopping_patience} epochs asks the validation part, and the "
            "dataset has none. Set early_stopping_patience to 0, or split with a validation part."
        )


def thaws_by(spec: TrainingSpec, epoch: int) -> bool:
    """Return whether frozen layers train in this epoch, counted from 1."""
    return bool(spec.frozen_fraction) and spec.unfreeze_epoch is not None and epoch >= spec.unfreeze_epoch
