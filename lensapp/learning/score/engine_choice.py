"""Choose how a run scores large sources: the fastest engine that finds the same lenses.

Engines are timed on the processor at hand; one in integers must gain more. The fastest is compared with
ONNX Runtime in float32 on the validation part: its recall at a false positive rate of 1 % and its area under
the ROC curve must lie within the 95 % limits of the reference, else the next one is tried. The choice is kept
with the run and holds until its network changes.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import read_json, write_json
from lensapp.core.evaluate.curves import count_thresholds
from lensapp.core.evaluate.metrics import rate_aim
from lensapp.core.evaluate.resampling import FIGURES, figure_intervals
from lensapp.core.score.precision import Precision
from lensapp.core.split.folds import fold_of
from lensapp.core.train.tasks import load_task
from lensapp.learning.feed.batches import LabelledCutouts
from lensapp.learning.feed.dataset_parts import dataset_part
from lensapp.learning.score.engines import FastEngine, engines_here, write_integer_network
from lensapp.learning.score.evaluation import positive_labels, validation_part
from lensapp.learning.score.scorers import Engine, TrainedNetwork
from lensapp.storage import datasets, runs
from lensapp.storage.files import COMMITTEE, ENGINE, SOURCE_ENGINES, network_checksum
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace

COMPARED = ("auroc", f"recall_{rate_aim(0.01)}")
LEAST_NONLENSES, LEAST_LENSES = 100, 20  # one false positive is allowed; limits of recall that say something
MOST_CUTOUTS = 4000
LARGE_SOURCE = 20_000
TIMED_CUTOUTS, TIMED_ROUNDS = 128, 3
WORTH_CHANGING = 1.1
HANDICAPS = {"int8": 1.25}  # integers change scores some fifty times as much as bfloat16 does
CALIBRATION_CUTOUTS, READ_CUTOUTS = 64, 256
SEED = 0


@dataclass(frozen=True)
class Candidate:
    """How an engine did.

    Attributes
    ----------
    images_per_cpu_second
        Of normalised cutouts.
    figures
        Recall at a false positive rate of 1 % and area on the validation part; empty for those that were
        too slow to be compared.
    largest_change
        Of a score, from that in float32.
    accepted
        Whether recall and area lie within the limits of the reference.
    """

    engine: Engine
    images_per_cpu_second: float
    figures: dict[str, float] = field(default_factory=dict)
    largest_change: float | None = None
    accepted: bool = False


class Choice(TypedDict):
    """What is kept: the engine, the network it was chosen for, and what it was chosen from."""

    engine: Engine
    reason: str
    network_sha256: str
    limits: dict[str, dict[str, float]]
    candidates: list[dict[str, Any]]


def engine_for(
    workspace: Workspace, run: Run, source: Source, *, unscored: int, precision: Precision
) -> Engine:
    """Return the engine for the cutouts of a source that are still to be scored.

    That with which the source was begun, so that its scores compare, unless the precision is "float32"; else
    float32 for few cutouts, and for `LARGE_SOURCE` or more, or with the precision "fastest", the one chosen
    for the run.
    """
    folder = workspace.run_folder(run.name)
    begun: dict[str, Engine] = (
        read_json(folder / SOURCE_ENGINES) if (folder / SOURCE_ENGINES).exists() else {}
    )
    engine: Engine = begun.get(source.name, "auto")
    if precision == "float32":
        engine = "auto"
    elif source.name not in begun and (precision == "fastest" or unscored >= LARGE_SOURCE):
        engine = chosen_engine(workspace, run)["engine"]
    if begun.get(source.name) != engine:
        write_json(folder / SOURCE_ENGINES, begun | {source.name: engine})
    return engine


def forget_engine(folder: Path, source_name: str) -> None:
    """Let the engine of a source be chosen anew, when its scores are made from the beginning."""
    if (folder / SOURCE_ENGINES).exists():
        begun = read_json(folder / SOURCE_ENGINES)
        if begun.pop(source_name, None):
            write_json(folder / SOURCE_ENGINES, begun)


def chosen_engine(workspace: Workspace, run: Run) -> Choice:
    """Return the choice for a run's present network; it is made where there is none yet."""
    folder = workspace.run_folder(run.name)
    checksum = network_checksum(folder)
    if (folder / ENGINE).exists():
        kept = cast(Choice, read_json(folder / ENGINE))
        if kept["network_sha256"] == checksum:
            return kept
    choice: Choice = {
        "engine": "auto",
        "reason": "the validation part has too few lenses or non-lenses, or the run is a committee",
        "network_sha256": checksum,
        "limits": {},
        "candidates": [],
    }
    parts = None if (folder / COMMITTEE).exists() else parts_to_compare(workspace, run)
    if parts is not None:
        reference = TrainedNetwork.open(folder)
        if reference.engine == "onnxruntime (CPU)":
            training, validation = parts
            sample = training.sample(CALIBRATION_CUTOUTS, seed=SEED)
            write_integer_network(folder, reference.normalisation.apply(sample))
            networks = {engine: TrainedNetwork.open(folder, engine=engine) for engine in engines_here()}
            choice = compare_engines(reference, networks, validation)
        else:
            choice["reason"] = f"{reference.engine} computes it"
    write_json(folder / ENGINE, dict(choice))
    return choice


def parts_to_compare(workspace: Workspace, run: Run) -> tuple[LabelledCutouts, LabelledCutouts] | None:
    """Return training and validation part of a run that scores; None where the latter says too little."""
    dataset = datasets.dataset_by_id(workspace.database, run.dataset_id)
    task = load_task(workspace.run_folder(run.name))
    if not task.scores_candidates:
        return None
    fold, unit = fold_of(run.spec), runs.normalisation_of(workspace, run.name).unit
    validation = validation_part(workspace, dataset, task.question(), fold=fold, unit=unit)
    if validation is None:
        return None
    positive = positive_labels(task, np.asarray(validation.labels))
    if positive.sum() < LEAST_LENSES or (~positive).sum() < LEAST_NONLENSES:
        return None
    return dataset_part(workspace, dataset, "train", task=task.question(), fold=fold, unit=unit), validation


def compare_engines(
    reference: TrainedNetwork, networks: Mapping[FastEngine, TrainedNetwork], validation: LabelledCutouts
) -> Choice:
    """Return the fastest engine that finds the same lenses on a validation part, and how all did.

    Parameters
    ----------
    reference
        The network in float32.
    networks
        The same network with each other engine.
    """
    indices = np.sort(np.random.default_rng(SEED).permutation(len(validation))[:MOST_CUTOUTS])
    positive = positive_labels(reference.task, np.asarray(validation.labels)[indices])
    images = reference.normalisation.apply(validation.read(indices[:TIMED_CUTOUTS]))
    everyone: dict[Engine, TrainedNetwork] = {"auto": reference}
    for engine, network in networks.items():
        everyone[engine] = network
    rates = rates_of(everyone, images)

    def scores_of(network: TrainedNetwork) -> NDArray[np.float32]:
        chunks = np.array_split(indices, -(-len(indices) // READ_CUTOUTS))
        return np.concatenate([network.score(validation.read(chunk)) for chunk in chunks])

    expected = scores_of(reference)
    intervals = figure_intervals(positive, expected, rng=np.random.default_rng(SEED))
    limits = {name: intervals[name] for name in COMPARED}
    best: Engine = "auto"
    candidates = [Candidate("auto", rates["auto"], {name: one.value for name, one in limits.items()})]
    for engine in sorted(networks, key=lambda name: -rates[name] / HANDICAPS.get(name.split()[1], 1.0)):
        candidate = Candidate(engine, rates[engine])
        if best == "auto" and rates[engine] >= WORTH_CHANGING * rates["auto"]:
            scores = scores_of(networks[engine])
            counts = count_thresholds(positive, scores)
            figures = {name: float(FIGURES[name](counts)) for name in COMPARED}
            accepted = all(limits[name].low <= value <= limits[name].high for name, value in figures.items())
            change = float(np.abs(scores - expected).max())
            candidate = replace(candidate, figures=figures, largest_change=change, accepted=accepted)
            best = engine if accepted else best
        candidates.append(candidate)
    return {
        "engine": best,
        "reason": f"the fastest on {len(indices)} validation cutouts whose figures stay within their limits",
        "network_sha256": reference.checksum,
        "limits": {name: asdict(one) for name, one in limits.items()},
        "candidates": [asdict(one) for one in candidates],
    }


def rates_of(networks: Mapping[Engine, TrainedNetwork], images: NDArray[np.float32]) -> dict[Engine, float]:
    """Return how many normalised images each network computes per second of processor time."""
    taken: dict[Engine, list[float]] = {engine: [] for engine in networks}
    for _ in range(TIMED_ROUNDS + 1):  # in turns, and the first to warm up
        for engine, network in networks.items():
            started = time.process_time()
            for first in range(0, len(images), network.batch):
                network.compute(images[first : first + network.batch])
            taken[engine].append(time.process_time() - started)
    return {engine: len(images) / max(min(seconds[1:]), 1e-6) for engine, seconds in taken.items()}
