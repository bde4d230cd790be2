"""The learning rate of each epoch."""

import math

from lensapp.core.train.training_spec import CosineSchedule, StepSchedule, TrainingSpec
from lensapp.core.train.transfer_rules import thaws_by


def learning_rate_at(spec: TrainingSpec, epoch: int) -> float:
    """Return the learning rate of an epoch, counted from 1."""
    return _scheduled(spec, epoch) * (spec.unfreeze_factor if thaws_by(spec, epoch) else 1.0)


def _scheduled(spec: TrainingSpec, epoch: int) -> float:
    schedule = spec.schedule
    if isinstance(schedule, StepSchedule):
        return float(spec.learning_rate * schedule.factor ** ((epoch - 1) // schedule.epochs))
    if isinstance(schedule, CosineSchedule):
        return spec.learning_rate * _cosine_share(schedule, epoch, spec.epochs)
    return spec.learning_rate


def _cosine_share(schedule: CosineSchedule, epoch: int, epochs: int) -> float:
    """Return the share of the first learning rate: a linear rise, then half a cosine to the last share."""
    warmup = min(schedule.warmup_epochs, epochs - 1)
    if epoch <= warmup:
        return epoch / (warmup + 1)
    progress = (epoch - 1 - warmup) / max(1, epochs - 1 - warmup)
    fall = 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
    return schedule.last_fraction + (1.0 - schedule.last_fraction) * fall
