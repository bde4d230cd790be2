"""Open any run to score with it: one network in ONNX Runtime or Keras, or a committee of several."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import read_json
from lensapp.core.errors import InvalidInput
from lensapp.core.processors import processors
from lensapp.core.train.committees import CommitteeSpec, combined, rank_fractions, require_combination
from lensapp.core.train.normalisation import FittedNormalisation, about_middle, orientations
from lensapp.core.train.tasks import FittedTask, combine_estimates, load_task
from lensapp.core.typed_commands import as_typed_here
from lensapp.learning.score.engines import FAST_ENGINES, FastEngine, open_engine
from lensapp.learning.score.onnx_export import (
    ExportImpossible,
    exported,
    load_network,
    open_session,
    run_session,
)
from lensapp.storage.evaluations import load_evaluation
from lensapp.storage.files import (
    COMMITTEE,
    ENCODER,
    FOREIGN_NETWORK,
    NORMALISATION,
    SPEC,
    network_checksum,
    network_file,
)

Pixels = NDArray[np.float32]
Scores = NDArray[np.float32]
Outputs = NDArray[np.float32]
Estimates = tuple[NDArray[np.float64], NDArray[np.float64]]
Engine = Literal["auto", "onnxruntime", "keras"] | FastEngine

ONNX_BATCH = 32
OPENVINO_BATCH = 8
KERAS_BATCH = 256


class Scorer(Protocol):
    """What a run scores with.

    Attributes
    ----------
    folder
        The run's folder.
    engine
        What computes, such as "onnxruntime (CPU)", "keras (<backend>)" or "openvino bfloat16".
    reason
        Why Keras scores, where ONNX Runtime would be expected.
    checksum
        SHA-256 of the network, or of all members.
    task
        What the run is asked, which says what its outputs mean.
    averages_orientations
        Whether outputs are means over rotations by 90° and reflections, as the training was asked for.
    """

    folder: Path
    engine: str
    reason: str | None
    checksum: str
    task: FittedTask
    averages_orientations: bool

    def outputs(self, pixels: NDArray[Any]) -> Outputs:
        """Return the outputs (n, outputs), see `lensapp.core.train.tasks.Head`, for cutouts in flux units.

        Parameters
        ----------
        pixels : shape (n, y, x, band)
            NaN where masked.
        """
        ...

    def score(self, pixels: NDArray[Any]) -> Scores:
        """Return the score of each cutout, shape (n,)."""
        return self.task.scores(self.outputs(pixels))

    def estimate(self, pixels: NDArray[Any]) -> Estimates:
        """Return estimates of the targets and their uncertainties, each of shape (n, t)."""
        return self.task.estimates(self.outputs(pixels))


@dataclass(frozen=True)
class TrainedNetwork(Scorer):
    """The best network of a run.

    Attributes
    ----------
    normalisation
        Fitted on the training part; applied to every cutout exactly as in training.
    batch, threads
        Cutouts normalised and computed at once by each of several threads.
    compute
        Gives the outputs of normalised cutouts.
    """

    folder: Path
    normalisation: FittedNormalisation
    engine: str
    reason: str | None
    checksum: str
    batch: int
    threads: int
    compute: Callable[[Pixels], Outputs]
    task: FittedTask
    averages_orientations: bool = False

    @classmethod
    def open(cls, folder: Path, *, engine: Engine = "auto") -> Self:
        """Open the best network of a run; Keras stands in where "auto" finds that it cannot be exported."""
        checksum = network_checksum(folder)
        normalisation = FittedNormalisation.parse(read_json(folder / NORMALISATION))
        task = load_task(folder)
        # An imported network may have come without a specification.
        recipe = read_json(folder / SPEC) if (folder / SPEC).exists() else {}
        averages = bool(recipe.get("average_orientations", False))
        opened = partial(
            cls, folder, normalisation, checksum=checksum, task=task, averages_orientations=averages
        )
        if engine in FAST_ENGINES:
            batch = OPENVINO_BATCH if engine.startswith("openvino") else ONNX_BATCH
            compute = open_engine(folder, engine)
            return opened(engine, None, batch=batch, threads=processors(), compute=compute)
        foreign = network_file(folder).name == FOREIGN_NETWORK
        reason = reason_for_keras() if engine == "auto" and not foreign else None
        if engine != "keras" and reason is None:
            try:
                session = open_session(exported(folder))
            except ExportImpossible as impossible:
                if engine == "onnxruntime":
                    raise
                reason = str(impossible)
            else:
                on_gpu = "CUDA" in session.get_providers()[0]
                name, threads = ("onnxruntime (CUDA)", 1) if on_gpu else ("onnxruntime (CPU)", processors())
                compute = partial(run_session, session)
                return opened(name, None, batch=ONNX_BATCH, threads=threads, compute=compute)
        import keras

        name, compute = f"keras ({keras.backend.backend()})", partial(run_keras, load_network(folder))
        return opened(name, reason, batch=KERAS_BATCH, threads=1, compute=compute)

    def outputs(self, pixels: NDArray[Any]) -> Outputs:
        """See `Scorer.outputs`; smaller cutouts or such with other bands are refused, larger ones cropped."""
        norm = self.normalisation
        if pixels.ndim == 4 and pixels.shape[3] == len(norm.bands):
            norm.check(bands=norm.bands, size=pixels.shape[1:3], pixel_scale_arcsec=None, crop=True)
            pixels = about_middle(pixels, norm.size)  # before they are turned
        columns = self.task.head.outputs
        if self.averages_orientations:
            total = np.zeros((len(pixels), columns))
            turned = orientations(pixels)
            for one in turned:
                total += self.computed(one, columns=columns)
            outputs = (total / len(turned)).astype(np.float32)
        else:
            outputs = self.computed(pixels, columns=columns)
        unusable = np.count_nonzero(~np.isfinite(outputs).all(axis=1))
        if unusable:
            raise InvalidInput(
                f"{self.folder.name} gives no number as the score of {unusable} cutouts: its training "
                "diverged. Train it again with a smaller learning rate."
            )
        return outputs

    def computed(self, pixels: NDArray[Any], *, columns: int) -> Outputs:
        """Normalise and compute cutouts in batches, shape (n, columns)."""

        def compute_batch(batch: NDArray[Any]) -> Outputs:
            return self.compute(self.normalisation.apply(batch))

        batches = [pixels[start : start + self.batch] for start in range(0, len(pixels), self.batch)]
        with ThreadPoolExecutor(self.threads) as pool:
            return np.concatenate([np.empty((0, columns), np.float32), *pool.map(compute_batch, batches)])


@dataclass(frozen=True)
class Committee(Scorer):
    """Several open networks that score together.

    Attributes
    ----------
    spec
        Who the members are and how their scores are combined.
    members
        The open networks, in the order of the specification; each applies its own normalisation.
    references
        For ranks: the sorted reference scores of each member; else empty.
    """

    folder: Path
    engine: str
    reason: str | None
    checksum: str
    task: FittedTask
    spec: CommitteeSpec
    members: tuple[TrainedNetwork, ...]
    references: tuple[NDArray[np.float32], ...]
    averages_orientations: bool

    @classmethod
    def open(cls, folder: Path, *, engine: Engine = "auto") -> Self:
        """Open all members of a committee, with the reference scores of each where ranks are combined."""
        spec = CommitteeSpec.parse(read_json(folder / COMMITTEE))
        folders = [folder.parent / name for name in spec.members]
        references = [reference_scores(member, spec.reference) for member in folders if spec.reference]
        members = tuple(TrainedNetwork.open(member, engine=engine) for member in folders)
        if spec.learned and spec.learned.networks != tuple(member.checksum for member in members):
            raise InvalidInput(
                f"A member of {folder.name} was trained further since its scores were weighted. Evaluate the "
                "members on their validation part and make a new committee."
            )
        first = members[0].task
        for member in members[1:]:
            if (member.task.classes, member.task.targets) != (first.classes, first.targets):
                raise InvalidInput(
                    f"The members of a committee must be asked the same, but {members[0].folder.name} tells "
                    f"{', '.join(first.targets or first.classes)} and {member.folder.name} "
                    f"{', '.join(member.task.targets or member.task.classes)}. Choose runs with one task."
                )
        require_combination(spec.combine, first.kind)
        return cls(
            folder=folder,
            engine=", ".join(dict.fromkeys(member.engine for member in members)),
            reason=next((member.reason for member in members if member.reason), None),
            checksum=network_checksum(folder),
            task=FittedTask() if first.kind == "binary" else first,  # one output, whatever its members have
            spec=spec,
            members=members,
            references=tuple(references),
            averages_orientations=all(member.averages_orientations for member in members),
        )

    def outputs(self, pixels: NDArray[Any]) -> Outputs:
        """Return the combined outputs of the members; see `Scorer.outputs`."""
        if self.task.kind == "regression":
            means, sigmas = zip(*(member.estimate(pixels) for member in self.members), strict=True)
            how = self.spec.combine if self.spec.combine in ("median", "weighted") else "mean"
            return self.task.outputs_of(*combine_estimates(np.stack(means), np.stack(sigmas), centre=how))
        if self.task.kind == "classes":
            outputs = np.stack([member.outputs(pixels) for member in self.members])
            probabilities = combined(outputs, self.spec.combine)
            return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True), np.float32)
        scores = [member.score(pixels) for member in self.members]
        if self.references:
            pairs = zip(scores, self.references, strict=True)
            scores = [rank_fractions(values, reference) for values, reference in pairs]
        together = np.stack(scores)
        learned = self.spec.learned
        return (learned(together) if learned else combined(together, self.spec.combine))[:, None]


def open_scorer(folder: Path, *, engine: Engine = "auto") -> TrainedNetwork | Committee:
    """Open what the run in `folder` scores with: its best network, or all members of a committee."""
    if (folder / ENCODER).exists():
        raise InvalidInput(
            f"{folder.name} gives features and no score. Train a head on it: "
            f"{as_typed_here(f'head {folder.name} DATASET', workspace=folder.parents[1])}"
        )
    return (Committee if (folder / COMMITTEE).exists() else TrainedNetwork).open(folder, engine=engine)


@lru_cache(maxsize=2)
def cached_scorer(folder: Path, checksum: str, engine: Engine = "auto") -> Scorer:
    """Open the run in `folder` once per process; `checksum` makes a retrained one be opened anew."""
    scorer = open_scorer(folder, engine=engine)
    if scorer.checksum != checksum:
        raise InvalidInput(
            f"{folder.name} was trained further meanwhile: its network is no longer {checksum[:12]} but "
            f"{scorer.checksum[:12]}. Start the scoring again."
        )
    return scorer


def run_keras(model: Any, images: Pixels) -> Outputs:
    """Return what a Keras model gives for normalised `images` (n, y, x, band)."""
    return np.asarray(model.predict_on_batch(images), dtype=np.float32)


def reference_scores(folder: Path, part: str) -> NDArray[np.float32]:
    """Return the stored scores of a run on a part, in rising order, to rank others among."""
    stored, checksum = load_evaluation(folder, part), network_checksum(folder)
    if stored.figures.get("network_sha256", checksum) != checksum:
        raise InvalidInput(
            f"The stored scores of {folder.name} on its {part} part are those of an earlier network. "
            "Evaluate it again."
        )
    return np.sort(stored.rotated_scores[:, 0])


def reason_for_keras() -> str | None:
    """Return why Keras is faster here: it has a GPU and ONNX Runtime was installed without CUDA."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers() or not shutil.which("nvidia-smi"):
        return None
    import keras

    from lensapp.learning.train.devices import gpus

    if not gpus():
        return None
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
    return "ONNX Runtime is installed without CUDA here, and Keras has a GPU."
