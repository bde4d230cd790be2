"""The learning rate of each epoch."""

import math

from lensapp.core.train.training_spec import CosineSchedule, StepSchedule, TrainingSpec
from lensapp.core.train.transfer_rules import thaws_by


def learning_rate_at(spec: TrainingSpec, epoch: int) -> float:
    """Return the learning rate of an epoch, counted from 1.

    The cosine schedule is a linear rise over the warm-up, then half a cosine down to its last fraction.
    """
    schedule, rate = spec.schedule, spec.learning_rate
    if isinstance(schedule, StepSchedule):
        rate = float(spec.learning_rate * schedule.factor ** ((epoch - 1) // schedule.epochs))
    elif isinstance(schedule, CosineSchedule):
        warmup = min(schedule.warmup_epochs, spec.epochs - 1)
        if epoch <= warmup:
            rate = spec.learning_rate * (epoch / (warmup + 1))
        else:
            progress = (epoch - 1 - warmup) / max(1, spec.epochs - 1 - warmup)
            fall = 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
            rate = spec.learning_rate * (schedule.last_fraction + (1.0 - schedule.last_fraction) * fall)
    return rate * (spec.unfreeze_factor if thaws_by(spec, epoch) else 1.0)
