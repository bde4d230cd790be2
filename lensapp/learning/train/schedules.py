"""The learning rate of each epoch."""

import math

from lensapp.core.train.training_spec import (
    CosineSchedule,
    CyclicSchedule,
    OneCycleSchedule,
    StepSchedule,
    TrainingSpec,
)
from lensapp.core.train.transfer_rules import thaws_by


def learning_rate_at(spec: TrainingSpec, epoch: int) -> float:
    """Return the learning rate of an epoch, counted from 1.

    The cosine schedule is a linear rise over the warm-up, then half a cosine down to its last fraction; the
    cyclic one begins with half a cosine anew in each cycle; one cycle rises and falls along half a cosine.

    References
    ----------
    Loshchilov & Hutter 2017, ICLR (cosine); Huang et al. 2017, ICLR, eq. 2 (cyclic); Smith & Topin 2018,
    arXiv:1708.07120 (one cycle).
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
            rate = between(spec.learning_rate, spec.learning_rate * schedule.last_fraction, progress)
    elif isinstance(schedule, CyclicSchedule):
        length = schedule.length(spec.epochs)
        rate = between(spec.learning_rate, 0.0, (epoch - 1) % length / length)
    elif isinstance(schedule, OneCycleSchedule):
        first = spec.learning_rate * schedule.first_fraction
        peak = max(schedule.rise_fraction * spec.epochs - 1.0, 0.0)  # in epochs after the first
        if epoch - 1 <= peak:
            rate = between(first, spec.learning_rate, (epoch - 1) / peak if peak else 1.0)
        else:
            fall = (epoch - 1 - peak) / (spec.epochs - 1 - peak)
            rate = between(spec.learning_rate, first * schedule.last_fraction, fall)
    return rate * (spec.unfreeze_factor if thaws_by(spec, epoch) else 1.0)


def between(start: float, end: float, progress: float) -> float:
    """Return what lies at `progress` (0 to 1) of half a cosine from `start` to `end`."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def ends_cycle(spec: TrainingSpec, epoch: int) -> bool:
    """Whether the network after this epoch is kept as that of a cycle."""
    schedule = spec.schedule
    return isinstance(schedule, CyclicSchedule) and schedule.snapshots and schedule.ends(epoch, spec.epochs)
