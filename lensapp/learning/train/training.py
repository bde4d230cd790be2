"""Train a network from its specification; go on where an interrupted training stopped.

A run's folder holds `spec.json`, `task.json`, `normalisation.json`, `training_part.json`, `best.keras`,
`last.keras` and the checkpoint.
"""

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import read_json, write_json
from lensapp.core.errors import InvalidInput
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.score.part_summary import summarise
from lensapp.core.score.source_check import SAMPLE_CUTOUTS
from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.network_specs import is_d4_invariant, network_options
from lensapp.core.train.normalisation import FittedNormalisation, fit_normalisation
from lensapp.core.train.tasks import (
    TASK,
    BinaryTask,
    ContrastiveTask,
    FittedTask,
    RegressionTask,
    fit_task,
    load_task,
    save_task,
)
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.core.train.transfer_rules import require_start, require_validation
from lensapp.core.train.unlabelled_spec import FixMatchSpec
from lensapp.learning.feed.batches import Feed, LabelledCutouts, keep_in_memory
from lensapp.learning.feed.device_feed import DeviceFeed, keep_near
from lensapp.learning.feed.sampling import shown_counts
from lensapp.learning.feed.unlabelled_feeds import FixMatchFeed, PairFeed
from lensapp.learning.train.checkpoints import TrainingState, load_checkpoint, load_state
from lensapp.learning.train.devices import precision_on
from lensapp.learning.train.distribution import Placement, placed
from lensapp.learning.train.epoch_ends import EpochCloser
from lensapp.learning.train.epoch_figures import telling_figure
from lensapp.learning.train.loop import AnyFeed, TrainingLoop
from lensapp.learning.train.make_trainer import make_trainer
from lensapp.learning.train.own_code import keep_code
from lensapp.learning.train.processes import Group, in_jax_group
from lensapp.learning.train.trainer import (
    Trainer,
    precision_of,
    set_batch_momentum,
    start_at_shares,
)
from lensapp.learning.train.transfer import ask_alike, freeze, start_from_file, start_from_run
from lensapp.storage.files import NETWORK, NORMALISATION, SPEC, TRAINING_PART
from models.registry import build

SAMPLE_VALUES = 20_000_000
SIGMA_CUTOUTS = 512
AS_THEY_ARE = AugmentationSpec(d4=False)


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What came out of a training.

    Attributes
    ----------
    status
        "finished", "early_stopped", "stopped" or "paused".
    epochs, best_epoch, best
        Completed epochs, the best of them (0 when none is complete) and its figures.
    best_by
        The figure that made it the best; see `lensapp.learning.train.epoch_figures`.
    seconds, images_per_second
        Time spent, pauses left out, and the median rate of the epochs.
    parameters, device, precision
        Parameters of the network, the processor used and in which precision its layers computed.
    history
        One row of figures per epoch.
    """

    status: str
    epochs: int
    best_epoch: int
    best: dict[str, Any]
    best_by: str
    seconds: float
    images_per_second: float | None
    parameters: int
    device: str
    precision: str
    history: list[dict[str, Any]]

    @classmethod
    def of(cls, loop: TrainingLoop, status: str) -> Self:
        """Return what came out of a loop that ended."""
        state, deciding = loop.state, loop.closer.deciding
        best = state.history[state.best_epoch - 1] if state.best_epoch else {}
        rates = [row["images_per_second"] for row in state.history if row["images_per_second"]]
        return cls(
            status=status,
            epochs=state.epoch,
            best_epoch=state.best_epoch,
            best=best,
            best_by=telling_figure(best, state.history, deciding) if best else deciding[0],
            seconds=state.seconds,
            images_per_second=float(np.median(rates)) if rates else None,
            parameters=int(loop.network.count_params()),
            device=loop.device,
            precision=loop.precision,
            history=list(state.history),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """A training and where it is kept: what is missing in its folder is made, what is there is taken."""

    spec: TrainingSpec
    training: LabelledCutouts
    validation: LabelledCutouts | None
    unlabelled: LabelledCutouts | None
    folder: Path
    initial_folder: Path | None

    def settle_task(self) -> FittedTask:
        """Return the task of the training to be resumed, or one fitted to the training part."""
        spec, training, validation = self.spec, self.training, self.validation
        targets = spec.task.targets if isinstance(spec.task, RegressionTask) else ()
        if targets != training.targets:
            raise InvalidInput(
                f"The task asks for {', '.join(targets) or 'classes'}, but the training part holds "
                f"{', '.join(training.targets) or 'classes'}. Read the part for this task."
            )
        asked = (training.classes, training.targets)
        if validation is not None and asked != (validation.classes, validation.targets):
            raise InvalidInput(
                f"The training part holds {', '.join(training.targets or training.classes)} and the "
                f"validation part {', '.join(validation.targets or validation.classes)}. Take both parts for "
                "one task."
            )
        lenses = int(np.count_nonzero(training.labels))
        if isinstance(spec.task, BinaryTask) and lenses in (0, len(training)):
            raise InvalidInput(
                f"Training needs lenses and non-lenses, and {lenses} of the {len(training)} cutouts are "
                "lenses. Split a source with both labels."
            )
        if (self.folder / TASK).exists():
            return load_task(self.folder)
        return fit_task(spec.task, classes=training.classes, labels=np.asarray(training.labels))

    def keep_spec(self) -> None:
        """Save the specification, or refuse one that differs from that of the training to be resumed."""
        path = self.folder / SPEC
        if not path.exists():
            write_json(path, self.spec.saved())
            return
        saved = TrainingSpec.parse(read_json(path)).saved()  # with what later versions have added
        changed = sorted(key for key, value in self.spec.saved().items() if saved.get(key) != value)
        if changed:
            raise InvalidInput(
                f"This training began with other values of {', '.join(changed)}. "
                "Resume with its own settings, or start a new run."
            )

    def settle_normalisation(self) -> FittedNormalisation:
        """Return the normalisation of this run, of its initial run, or one fitted to the training part."""
        path, training = self.folder / NORMALISATION, self.training
        if path.exists():
            fitted = FittedNormalisation.parse(read_json(path))
        elif self.initial_folder is not None:
            fitted = FittedNormalisation.parse(read_json(self.initial_folder / NORMALISATION))
        else:
            count = max(64, SAMPLE_VALUES // int(np.prod(training.image_shape)))
            fitted = fit_normalisation(
                training.sample(count, seed=self.spec.seed),
                self.spec.normalisation,
                bands=training.bands,
                pixel_scale_arcsec=training.pixel_scale_arcsec,
                unit=training.unit,
            )
        if not path.exists():
            write_json(path, fitted.saved())
        if not (self.folder / TRAINING_PART).exists():
            summary = summarise(  # with which sources are compared before they are scored
                training.sample(SAMPLE_CUTOUTS, seed=0),  # one for all runs of a dataset
                bands=training.bands,
                pixel_scale_arcsec=training.pixel_scale_arcsec,
                unit=fitted.unit or "as stored",
                zero_point_mag=fitted.zero_point_mag,
            )
            write_json(self.folder / TRAINING_PART, summary.saved())
        for part in filter(None, (training, self.validation, self.unlabelled)):
            size, scale = part.image_shape[:2], part.pixel_scale_arcsec
            fitted.check(bands=part.bands, size=size, pixel_scale_arcsec=scale)
        return fitted

    def build_network(
        self, task: FittedTask, normalisation: FittedNormalisation, *, steps: int
    ) -> keras.Model:
        """Build the network, with the weights of the initial run's best one or of a file if there is one."""
        spec, initial_folder = self.spec, self.initial_folder
        options = network_options(spec.network, spec.network_options)
        shape = self.training.image_shape
        network = build(spec.network, input_shape=shape, spec=options, head=task.head, inputs=spec.input)
        if spec.batch_momentum is not None:
            set_batch_momentum(network, spec.batch_momentum, steps=steps)
        if spec.prior_bias:
            shares = self.class_shares()
            start_at_shares(network, shares[1:] if task.output == "sigmoid" else shares)
        if initial_folder is not None:
            alike = ask_alike(task, load_task(initial_folder))
            start_from_run(network, initial_folder / NETWORK, same_task=alike)
        elif spec.initial_weights is not None:
            sigma = float(normalisation.apply(self.training.sample(SIGMA_CUTOUTS, seed=spec.seed)).std())
            start_from_file(network, Path(spec.initial_weights), name=spec.network, input_sigma=sigma)
        return network

    def class_shares(self) -> NDArray[np.float64]:
        """Return the share of each class (k,) of the training part, as often as it is shown and counts."""
        classes, members = np.unique(np.asarray(self.training.labels), return_counts=True)
        if self.spec.oversampling:
            members = shown_counts(members, self.spec.oversampling)
        number = np.full(len(self.training.classes), 0.5)  # a class without members still has a logarithm
        number[classes.astype(int)] = 1 if self.spec.class_weights == "balanced" else members
        return np.asarray(number / number.sum())

    def training_feed(self, task: FittedTask, normalisation: FittedNormalisation, *, device: str) -> AnyFeed:
        """Return the batches of the training, kept where the device reads them fastest."""
        spec, augmentation = self.spec, telling_augmentation(self.spec)
        make = PairFeed if isinstance(spec.task, ContrastiveTask) else Feed
        feed = make(
            data=self.training,
            normalisation=normalisation,
            augmentation=augmentation,
            batch_size=spec.batch_size,
            seed=spec.seed,
            task=task,
            shuffle=spec.shuffle,
            balanced=spec.class_weights == "balanced",
            oversampling=spec.oversampling,
        )
        if isinstance(feed, PairFeed):
            return keep_in_memory(feed)
        if self.unlabelled is None or not isinstance(spec.unlabelled, FixMatchSpec):
            # Windows, and a part on the device, are for the devices of one process.
            return keep_in_memory(feed) if in_jax_group() else keep_near(feed, device=device)
        others = Feed(
            data=self.unlabelled,
            normalisation=normalisation,
            augmentation=augmentation,
            batch_size=spec.unlabelled.ratio * spec.batch_size,
            seed=spec.seed,
        )
        strong = spec.unlabelled.strong_changes().replaced(d4=augmentation.d4)
        return FixMatchFeed(labelled=keep_in_memory(feed), unlabelled=keep_in_memory(others), strong=strong)

    def validation_feed(self, task: FittedTask, normalisation: FittedNormalisation) -> Feed | None:
        """Return the batches of the validation part in order and unchanged; None without one."""
        if self.validation is None:
            return None
        feed = Feed(
            data=self.validation,
            normalisation=normalisation,
            augmentation=AS_THEY_ARE,
            batch_size=self.spec.batch_size,
            seed=self.spec.seed,
            task=task,
            shuffle=False,
        )
        return keep_in_memory(feed)

    def closer(
        self,
        task: FittedTask,
        normalisation: FittedNormalisation,
        feed: AnyFeed,
        placement: Placement,
        *,
        seconds_before: float,
    ) -> EpochCloser:
        """Return what measures and saves the ends of epochs, on a GPU while the next one is under way.

        On a processor a copy would be measured by the cores that train. Where processes share JAX's devices,
        each measures a copy on one of its own, and all wait for it, as they take every step together.
        """
        beside = isinstance(feed, DeviceFeed) and not Group.of_environment()
        start = time.monotonic() - seconds_before
        return EpochCloser(
            spec=self.spec,
            task=task,
            folder=self.folder,
            validation=self.validation_feed(task, normalisation),
            seconds=lambda: time.monotonic() - start,
            twin_device=placement.local if beside or in_jax_group() else None,
            waits=not beside,
        )

    def run(self, *, report: Report, should_stop: ShouldStop) -> TrainingResult:
        """Train to the end, or until stopped."""
        spec, folder = self.spec, self.folder
        task = self.settle_task()
        folder.mkdir(parents=True, exist_ok=True)
        self.keep_spec()
        keep_code(spec, folder)
        save_task(folder, task)
        with ExitStack() as stack:
            placement = stack.enter_context(placed(spec.device, batch_size=spec.batch_size))
            keras.utils.set_random_seed(spec.seed)
            precision = precision_on(placement.devices[0], spec.precision)
            stack.enter_context(precision_of(precision))
            normalisation = self.settle_normalisation()
            shares = self.class_shares() if self.unlabelled is not None else None
            trainer_of = partial(make_trainer, spec=spec, task=task, shares=shares)

            def thaw() -> Trainer:
                with placement.building():
                    freeze(network, 0.0)
                    return trainer_of(network)

            feed = self.training_feed(task, normalisation, device=placement.name)
            with placement.building():
                network = self.build_network(task, normalisation, steps=feed.steps)
                freeze(network, 0.0 if load_state(folder).thawed else spec.frozen_fraction)
                trainer = trainer_of(network)
            state = load_checkpoint(folder, trainer) or TrainingState()
            loop = TrainingLoop(
                spec=spec,
                task=task,
                folder=folder,
                device=placement.name,
                precision=precision,
                network=placement.undivided(network),
                trainer=trainer,
                feed=feed,
                closer=self.closer(task, normalisation, feed, placement, seconds_before=state.seconds),
                report=report,
                should_stop=placement.agreed(should_stop),
                thaw=thaw,
                state=state,
            )
            return TrainingResult.of(loop, loop.run())


def telling_augmentation(spec: TrainingSpec) -> AugmentationSpec:
    """Return the augmentation of `spec` without turns and mirrorings where the network is blind to them.

    Values that turn with the cutout are left as they are.
    """
    blind = not isinstance(spec.task, RegressionTask) and is_d4_invariant(spec.network, spec.network_options)
    return spec.augmentation.replaced(d4=False) if blind else spec.augmentation


def train(
    spec: TrainingSpec,
    *,
    training: LabelledCutouts,
    validation: LabelledCutouts | None,
    folder: Path,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
    initial_folder: Path | None = None,
    unlabelled: LabelledCutouts | None = None,
) -> TrainingResult:
    """Train the network of `spec`, or go on with the training that `folder` holds.

    On the CPU of one machine the weights of a training that was interrupted and resumed are bit-identical
    to those of one that was not.

    Parameters
    ----------
    spec
        What to train and how.
    training, validation
        The two parts; the normalisation is fitted to the first only. Without the second the last network is
        the best one.
    folder
        The run's folder; made when absent.
    report
        Receives the figures at each epoch, and at most once a second within.
    should_stop
        Asked before each step; "pause" saves and leaves at once, "stop" ends the training.
    initial_folder
        Folder of the run whose best network and normalisation are taken as a start.
    unlabelled
        Cutouts whose labels are not looked at, for a recipe that asks for them.

    Raises
    ------
    InvalidInput, BandMismatch
        When settings, labels or cutouts cannot be used, the loss is no longer finite, or the parts or the
        initial run differ in bands, size or pixel scale.
    """
    require_start(spec)
    require_validation(spec, validated=validation is not None)
    if isinstance(spec.unlabelled, FixMatchSpec) != (unlabelled is not None):
        raise InvalidInput(
            "FixMatch takes unlabelled cutouts beside the training part, and no other training does. Give "
            "both or neither."
        )
    begun = Training(
        spec=spec,
        training=training,
        validation=validation,
        unlabelled=unlabelled,
        folder=folder,
        initial_folder=initial_folder,
    )
    return begun.run(report=report, should_stop=should_stop)
