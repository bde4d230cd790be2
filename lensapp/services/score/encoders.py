"""Encoders that were made elsewhere: take them in, and train heads on what they see."""

from pathlib import Path

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.config import merged, read_json
from lensapp.core.errors import InvalidInput
from lensapp.core.score.encoder_spec import EncoderSpec, HeadSpec
from lensapp.core.train.tasks import BinaryTask
from lensapp.job_kinds import EmbeddingsPayload, EncoderPayload, RunPayload
from lensapp.services.access.roots import check_readable
from lensapp.services.train.runs import suggest_run_name
from lensapp.services.train.task_checks import require_truth
from lensapp.storage import datasets, runs, sources
from lensapp.storage.files import DAMAGED, network_file, require_file
from lensapp.storage.records import Job, Run
from lensapp.storage.workspace import Workspace


def description_of(file: Path, given: dict[str, object], *, sidecar: Path | None = None) -> EncoderSpec:
    """Return how an ONNX file takes cutouts: as the JSON file beside it says, with `given` laid over it.

    Raises
    ------
    InvalidInput
        When it cannot be read, or nothing says which bands the encoder takes.
    """
    beside = sidecar or file.with_suffix(".json")
    check_readable(file, beside)
    told: dict[str, object] = {}
    if beside.exists():
        try:
            told = read_json(beside)
        except DAMAGED as error:
            raise InvalidInput(f"{beside} is no JSON file that can be read ({error}). Correct it.") from error
    elif "bands" not in given:
        raise InvalidInput(
            f"Nothing says which bands {file.name} takes. Write {beside.name} beside it, or give at least "
            "--bands."
        )
    return EncoderSpec.parse(merged(told, given))


@needs("work")
def start_encoder_import(ws: Workspace, *, file: Path, name: str, spec: EncoderSpec) -> Job:
    """Queue the import of an ONNX file as a run that gives features.

    Raises
    ------
    InvalidInput
        When the file is absent or the name is taken.
    """
    check_readable(file)
    require_file(file)
    runs.check_free_name(ws.database, name)
    payload: EncoderPayload = {"name": name, "file": str(file.resolve()), "spec": spec.saved()}
    return jobs.enqueue(ws.database, kind="encoder", title=f"Import the encoder {name}", payload=payload)


@needs("work")
def start_embeddings_import(
    ws: Workspace,
    *,
    file: Path,
    name: str,
    source_name: str,
    id_column: str | None = None,
    ids_file: Path | None = None,
) -> Job:
    """Queue the import of a table of embeddings of a source as a run that gives features.

    Raises
    ------
    NotFound, InvalidInput
        When the source does not exist, a file is absent or the name is taken.
    """
    source = sources.get_source(ws.database, source_name)
    for one in (file, *([ids_file] if ids_file else [])):
        check_readable(one)
        require_file(one)
    runs.check_free_name(ws.database, name)
    payload: EmbeddingsPayload = {
        "name": name,
        "file": str(file.resolve()),
        "source": source.name,
        "id_column": id_column,
        "ids_file": str(ids_file.resolve()) if ids_file else None,
    }
    title = f"Import the embeddings {name} of {source.name}"
    return jobs.enqueue(ws.database, kind="embeddings", title=title, payload=payload)


@needs("work")
def start_head(
    ws: Workspace, *, dataset_name: str, spec: HeadSpec, name: str | None = None
) -> tuple[Run, Job]:
    """Register a head on the features of `spec.encoder` and queue its training on a dataset version.

    Raises
    ------
    NotFound, InvalidInput
        When encoder or dataset do not exist, the encoder gives no features, a class is absent or the name
        is taken.
    """
    dataset = datasets.get_dataset(ws.database, dataset_name)
    require_truth(ws, dataset, BinaryTask())
    encoder = runs.get_run(ws.database, spec.encoder)
    if not network_file(ws.run_folder(encoder.name)).is_file():
        raise InvalidInput(
            f"{encoder.name} gives no features: it is a {encoder.model} in state {encoder.state}. Choose an "
            "encoder, or a trained network."
        )
    with ws.database.whole():
        run = runs.create_run(
            ws.database,
            name=name or suggest_run_name(ws, f"{encoder.name}-head"),
            dataset_id=dataset.id,
            model="head",
            spec=spec.saved(),
        )
        payload: RunPayload = {"run": run.name}
        title = f"Train the head {run.name} on {dataset.name}"
        return run, jobs.enqueue(ws.database, kind="head", title=title, payload=payload, once=True)
