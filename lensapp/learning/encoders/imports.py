"""Take an encoder that was made elsewhere into the workspace: an ONNX file, or a table of embeddings."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from lensapp.core.align import ABSENT, rows_of
from lensapp.core.config import write_json
from lensapp.core.errors import InvalidInput
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.score.encoder_spec import EncoderSpec
from lensapp.core.train.normalisation import FittedNormalisation, Kind
from lensapp.learning.encoders.embedding_tables import read_embeddings
from lensapp.learning.encoders.onnx_graphs import encoder_graph, tried
from lensapp.storage import datasets, runs, sources
from lensapp.storage.features import features_folder, open_store
from lensapp.storage.files import EMBEDDINGS, ENCODER, FOREIGN_NETWORK, NORMALISATION, checksum_of, whole_file
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

MODELS = {ENCODER: "encoder", EMBEDDINGS: "embeddings"}
EXAMPLES = 3


def import_encoder(
    workspace: Workspace,
    *,
    name: str,
    file: str,
    spec: EncoderSpec,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Make a run that gives features of the ONNX graph in `file`, with its checksum.

    Returns
    -------
    dict
        run, dimensions, sha256.

    Raises
    ------
    InvalidInput
        When the file is no such graph, or is another than `spec` says; or the name is taken.
    """
    path, side = Path(file), spec.cutout_pixels or spec.input_pixels
    report({"fraction": 0.1, "message": f"reading {path.name}"})
    graph = encoder_graph(path, spec)
    normalisation = _unscaled(spec.stretch, spec.bands, (side, side), spec.pixel_scale_arcsec)
    saved = spec.saved() | {"file": path.name, "sha256": checksum_of(path)}
    with workspace.database.whole():
        run = _registered(workspace, name, bands=spec.bands, kind=ENCODER, spec=saved)
        folder = workspace.run_folder(run.name)
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(folder / FOREIGN_NETWORK) as partial:
            dimensions = tried(graph, partial, spec=spec)
        write_json(folder / NORMALISATION, normalisation.saved())
        write_json(folder / ENCODER, saved)
        _finish(workspace, run, dimensions=dimensions)
    return {"run": run.name, "dimensions": dimensions, "sha256": saved["sha256"]}


def import_embeddings(
    workspace: Workspace,
    *,
    name: str,
    file: str,
    source_name: str,
    id_column: str | None = None,
    ids_file: str | None = None,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Make a run of the embeddings in a table, joined to the cutouts of a source by their IDs.

    Returns
    -------
    dict
        run, dimensions, and how many cutouts have embeddings (`joined`), have none (`without`), and how
        many rows belong to no cutout (`unknown`).

    Raises
    ------
    NotFound, InvalidInput
        When the source does not exist, the table cannot be read, an ID stands twice, or none is known.
    """
    path, source = Path(file), sources.get_source(workspace.database, source_name)
    report({"fraction": 0.1, "message": f"reading {path.name}"})
    ids, values = read_embeddings(path, id_column=id_column, ids_file=Path(ids_file) if ids_file else None)
    columns = sources.cutout_columns(workspace.database, [source.id], columns=("id", "candidate_id"))
    names = np.array([str(one) for one in columns["candidate_id"]])
    rows = rows_of(names, ids)
    joined = rows != ABSENT
    if not joined.any():
        raise InvalidInput(
            f"None of the {len(ids)} IDs of {path.name} ({', '.join(ids[:EXAMPLES])} …) is one of "
            f"{source.name} ({', '.join(names[:EXAMPLES])} …). Name the column of IDs with --id-column."
        )
    described = {"file": path.name, "sha256": checksum_of(path), "dimensions": values.shape[1]}
    with workspace.database.whole():
        run = _registered(workspace, name, bands=source.bands, kind=EMBEDDINGS, spec=described)
        folder = workspace.run_folder(run.name)
        folder.mkdir(parents=True, exist_ok=True)
        # Embeddings see no pixels: it fits any cutouts with these bands.
        normalisation = _unscaled("minmax", source.bands, (source.height, source.width))
        write_json(folder / NORMALISATION, normalisation.saved())
        write_json(folder / EMBEDDINGS, described)
        checksum = checksum_of(folder / EMBEDDINGS)
        of_source = features_folder(workspace, run.name, source.name)
        store = open_store(of_source, columns["id"][joined], values.shape[1], checksum=checksum)
        store.values[:] = values[rows[joined]]
        store.advance(int(joined.sum()))
        _finish(workspace, run, dimensions=values.shape[1])
    return {
        "run": run.name,
        "dimensions": values.shape[1],
        "joined": int(joined.sum()),
        "without": int((~joined).sum()),
        "unknown": int(len(ids) - joined.sum()),
    }


def _unscaled(
    kind: Kind,
    bands: tuple[str, ...],
    size: tuple[int, int],
    pixel_scale_arcsec: float | None = None,
) -> FittedNormalisation:
    """Return a normalisation that leaves the scale of each band as it is, for cutouts of any size."""
    count = len(bands)
    return FittedNormalisation(
        kind=kind,
        softening=3.0,
        centre=(0.0,) * count,
        scale=(1.0,) * count,
        gain=(1.0,) * count,
        bands=bands,
        size=size,
        pixel_scale_arcsec=pixel_scale_arcsec,
        any_size=True,
    )


def _registered(
    workspace: Workspace, name: str, *, bands: tuple[str, ...], kind: str, spec: dict[str, Any]
) -> Run:
    """Register a run on a dataset version without cutouts, as its training part is not here."""
    dataset = datasets.create_elsewhere(workspace.database, name=name, bands=bands)
    return runs.create_run(
        workspace.database, name=name, dataset_id=dataset.id, model=MODELS[kind], spec=spec
    )


def _finish(workspace: Workspace, run: Run, *, dimensions: int) -> None:
    runs.update_run(
        workspace.database,
        run.id,
        state="finished",
        summary={"dimensions": dimensions},
        finished_at=time.time(),
    )
