"""What weights a training can begin with, and the settings that go with a beginning."""

from collections.abc import Mapping, Sequence
from typing import Any

from lensapp.core.train.presets import PRESETS
from lensapp.core.train.recommended import RECOMMENDED
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train.runs import has_network, training_datasets
from lensapp.services.train.starter import STARTER_NAME, starter_recipe, why_not_further
from lensapp.storage.records import Dataset, Run
from lensapp.storage.workspace import Workspace

OF_BEGINNING = ("initial_run", "learning_rate", "epochs", "frozen_fraction", "unfreeze_epoch")
"""Settings that are chosen for the weights that a training begins with."""


def starts_offered(ws: Workspace, trained: Sequence[Run], dataset: Dataset, network: str) -> list[str]:
    """Return the runs whose weights a training of a network on a version can begin with, of its bands."""
    bands = {one.id: one.bands for one in training_datasets(ws)}
    offered = [
        run.name
        for run in trained
        if run.model == network
        and bands.get(run.dataset_id, dataset.bands) == dataset.bands
        and has_network(ws, run)
    ]
    if network == starter_recipe()["network"] and STARTER_NAME not in offered:
        offered.append(STARTER_NAME)
    if why_not_further(dataset.bands) is not None and STARTER_NAME in offered:
        offered.remove(STARTER_NAME)
    return offered


def from_scratch(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a training that began with another's weights for one that begins with none.

    What goes with the beginning is that of the recipe of the network from scratch: with the learning rate
    and the epochs of a training further a new network hardly learns.
    """
    names = {network: one.preset for network, one in RECOMMENDED.items()}
    of_network = (name for name, preset in PRESETS.items() if preset.spec.network == spec["network"])
    name = names.get(spec["network"]) or next(of_network, names["equivariant_resnet"])
    usual = PRESETS[name].spec.saved() | {"initial_run": None}
    return dict(spec) | {name: usual[name] for name in OF_BEGINNING}


def scratch_in_words(spec: Mapping[str, Any]) -> str:
    """Return what `from_scratch` takes of the recipe: "learning rate 0.001 and 12 epochs"."""
    scratch = TrainingSpec.parse(from_scratch(spec))
    return f"learning rate {scratch.learning_rate:g} and {scratch.epochs} epochs"
