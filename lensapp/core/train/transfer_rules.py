"""What a training needs to start from weights that exist."""

from pathlib import Path

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.train.training_spec import TrainingSpec

PUBLISHED_NETWORKS = ("vgg16", "resnet50", "resnet101", "resnet152")
"""Networks whose layers are those of keras.applications, which publishes ImageNet weights for them."""


def require_start(spec: TrainingSpec) -> None:
    """Refuse a start that cannot be made.

    Raises
    ------
    InvalidInput
        When layers are frozen without weights to keep, two starts are given, or the network is none of those
        with published weights.
    NotFound
        When the file of weights is not there.
    """
    if spec.initial_run and spec.initial_weights:
        raise InvalidInput(
            f"Expected one start, received the run {spec.initial_run} and the file {spec.initial_weights}. "
            "Leave one out."
        )
    if spec.frozen_fraction and not (spec.initial_run or spec.initial_weights):
        raise InvalidInput(
            f"Expected trained weights to keep, received frozen_fraction {spec.frozen_fraction:g} and a new "
            "network. Give initial_run or initial_weights, or freeze nothing."
        )
    if spec.initial_weights is None:
        return
    if spec.network not in PUBLISHED_NETWORKS:
        raise InvalidInput(
            f"Expected a network out of {', '.join(PUBLISHED_NETWORKS)} for published weights, received "
            f"{spec.network}. Choose one of them, or start from a run."
        )
    if not Path(spec.initial_weights).is_file():
        raise NotFound(
            f"Expected a file of weights at {spec.initial_weights}, received none. Give the path of a .h5, "
            ".weights.h5 or .keras file on this machine."
        )


def thaws_by(spec: TrainingSpec, epoch: int) -> bool:
    """Return whether frozen layers train in this epoch, counted from 1."""
    return bool(spec.frozen_fraction) and spec.unfreeze_epoch is not None and epoch >= spec.unfreeze_epoch
