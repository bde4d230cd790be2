"""Trainings whose epochs are measured while the next one is under way, beside others measured in between."""

from pathlib import Path
from threading import Condition
from typing import Any
from unittest.mock import patch

import numpy as np

from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.batches import Feed
from lensapp.learning.feed.device_feed import DeviceFeed, feed_device
from lensapp.learning.train import training
from lensapp.learning.train.epoch_ends import EpochCloser, EpochEnd
from support.tiny_trainings import run, tiny_spec, weights_of, without_times

STOPS_EARLY = {"epochs": 9, "early_stopping_patience": 1, "monitor": "val_auc", "weight_average": 0.9}


def in_windows(feed: Feed, *, device: str) -> DeviceFeed:
    """Return what a GPU is fed with, on the processor; all steps of an epoch are one window here."""
    return feed_device(feed, limit_bytes=10**9)


class Hindered:
    """Lets no epoch be measured before the steps of the next one are taken."""

    def __init__(self) -> None:
        self.questions = 0
        self.asked = Condition()
        self.waited: list[bool] = []

    def should_stop(self) -> None:
        """Asked before and after the window of an epoch."""
        with self.asked:
            self.questions += 1
            self.asked.notify_all()

    def wait(self, epoch: int) -> None:
        """Wait for the last question of the epoch after this one, where there is one."""
        if epoch == STOPS_EARLY["epochs"]:
            return
        with self.asked:
            self.waited.append(self.asked.wait_for(lambda: self.questions >= 2 * (epoch + 1), timeout=60.0))


def train_both_ways(folder: Path, spec: TrainingSpec) -> tuple[Any, Any, Hindered]:
    """Return what came out of a training measured in between, and of one measured as late as can be."""
    hindered, close = Hindered(), EpochCloser.close

    def close_late(closer: EpochCloser, ended: EpochEnd, *others: Any, **named: Any) -> Any:
        hindered.wait(ended.state.epoch)
        return close(closer, ended, *others, **named)

    with patch.object(training, "keep_near", in_windows):
        with patch.object(training, "EpochCloser", measured_between):
            one = run(folder / "between", spec)
        with patch.object(EpochCloser, "close", close_late):
            other = run(folder / "beside", spec, should_stop=hindered.should_stop)
    return one, other, hindered


def measured_between(**given: Any) -> EpochCloser:
    """Return a closer that measures the network itself, as on a processor."""
    return EpochCloser(**given | {"twin_device": None})


def compare_endings(folder: Path) -> dict[str, Any]:
    """Return how both ways end, and the largest difference of their figures and networks."""
    one, other, hindered = train_both_ways(folder, tiny_spec(**STOPS_EARLY))
    rows = zip(without_times(one), without_times(other), strict=True)
    differences = [
        abs(mine[name] - theirs[name]) for mine, theirs in rows for name in ("loss", "val_loss", "val_auc")
    ]
    networks = [
        float(np.abs(a - b).max())
        for name in ("best.keras", "last.keras")
        for a, b in zip(*(weights_of(folder / way, name) for way in ("between", "beside")), strict=True)
    ]
    return {
        "status": [one.status, other.status],
        "epochs": [one.epochs, other.epochs],
        "figures": max(differences),
        "networks": max(networks),
        "taken_meanwhile": all(hindered.waited)
        and len(hindered.waited) == other.epochs - (other.epochs == STOPS_EARLY["epochs"]),
    }
