"""Give a network a loss, an optimiser and running figures, so that it can take training steps."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from lensapp.core.train.tasks import ContrastiveTask, FittedTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.core.train.unlabelled_spec import FixMatchSpec
from lensapp.learning.train.contrastive import nt_xent, projected, recognised
from lensapp.learning.train.distribution import update_on_replicas
from lensapp.learning.train.fixmatch import FixMatchTrainer
from lensapp.learning.train.objectives import blank_batch, loss_of, metrics_of
from lensapp.learning.train.trainer import Trainer

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}


def make_trainer(
    network: keras.Model,
    spec: TrainingSpec,
    *,
    task: FittedTask | None = None,
    shares: NDArray[np.float64] | None = None,
) -> Trainer:
    """Return a trainer for the layers of `network`, with its optimiser's state in place.

    The objective is the loss of the task with class weights and the penalty on kernels; the figure called
    loss is the loss of the task alone, so that training, validation and runs compare.

    Parameters
    ----------
    shares
        Of the classes among the labels, for a training that looks at unlabelled cutouts too; default: equal.
    """
    options: dict[str, Any] = {"learning_rate": spec.learning_rate, "global_clipnorm": spec.gradient_clip}
    if spec.weight_average is not None:
        options |= {"use_ema": True, "ema_momentum": spec.weight_average}
    if spec.optimizer == "sgd":
        options["momentum"] = 0.9
    if spec.optimizer == "adamw":
        options["weight_decay"] = spec.weight_decay
    elif spec.weight_decay:
        penalise(network, spec)
    optimizer = OPTIMIZERS[spec.optimizer](**options)
    task = task or FittedTask()
    if isinstance(spec.task, ContrastiveTask):
        trainer, example = contrastive_trainer(network, spec.task, optimizer)
    else:
        trainer, example = task_trainer(network, spec, optimizer, task=task, shares=shares)
    trainer.optimizer.build(trainer.trainable_variables)
    # This makes the variables of the figures, for checkpoints to restore.
    update_on_replicas(trainer, None, *example, None)
    trainer.begin_epoch()
    return trainer


def task_trainer(
    network: keras.Model,
    spec: TrainingSpec,
    optimizer: keras.optimizers.Optimizer,
    *,
    task: FittedTask,
    shares: NDArray[np.float64] | None,
) -> tuple[Trainer, tuple[Any, Any]]:
    """Return a trainer for a task, with labels and outputs of the smallest batch it takes."""
    mixes = spec.augmentation.mixes
    example = blank_batch(task, shares=mixes)
    unlabelled = spec.unlabelled
    trainer: Trainer
    if isinstance(unlabelled, FixMatchSpec):
        trainer = FixMatchTrainer(network.inputs, network.outputs)
        classes = len(task.classes)
        known = shares if shares is not None else np.full(classes, 1 / classes)
        trainer.prepare(unlabelled, shares=known, positive=task.positive_columns())
        example = tuple(ops.repeat(one, 1 + 2 * unlabelled.ratio, axis=0) for one in example)
    else:
        trainer = Trainer(network.inputs, network.outputs)
    trainer.mixes = mixes
    loss = loss_of(task, kind=spec.loss, smoothing=spec.label_smoothing, gamma=spec.focal_gamma, shares=mixes)
    trainer.compile(optimizer=optimizer, loss=loss, metrics=metrics_of(task))
    return trainer, example


def contrastive_trainer(
    network: keras.Model, task: ContrastiveTask, optimizer: keras.optimizers.Optimizer
) -> tuple[Trainer, tuple[Any, Any]]:
    """Return a trainer for the features of `network`, with labels and outputs of the smallest batch."""
    trainer = Trainer(network.inputs, projected(network, task.projection))
    loss = nt_xent(task.temperature)
    figures = [
        keras.metrics.MeanMetricWrapper(loss, name="data_loss"),
        keras.metrics.MeanMetricWrapper(recognised, name="recognised"),
    ]
    trainer.compile(optimizer=optimizer, loss=loss, metrics=figures)
    return trainer, (ops.zeros((2, 1)), ops.ones((2, task.projection)))


def penalise(network: keras.Model, spec: TrainingSpec) -> None:
    """Add the penalty on weights to the objective of `network`, and nothing to what is saved.

    As Keras has it, λ Σ w² of the kernels, whose gradient is 2λw; as PyTorch's Adam has it, half of that of
    every weight that trains, whose gradient is λw.
    """
    if spec.weight_decay_as == "pytorch":
        weights, strength = list(network.trainable_variables), 0.5 * spec.weight_decay
    else:
        weights, strength = [getattr(layer, "kernel", None) for layer in network.layers], spec.weight_decay
    penalty = keras.regularizers.L2(strength)
    for weight in weights:
        if isinstance(weight, keras.Variable):
            weight.regularizer = penalty
