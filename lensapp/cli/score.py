"""Commands that score cutouts and store their features."""

import sys
from pathlib import Path
from typing import Any, get_args

from lensapp.cli.commands import (
    ALLOW_UNKNOWN_UNITS,
    CROP,
    DATASET,
    OF_FILES,
    RUN,
    SOURCE,
    Arguments,
    SpecOptions,
    command,
    names_in,
    option,
)
from lensapp.cli.options import given_values
from lensapp.cli.running import finish_here
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.score.encoder_spec import EncoderSpec, HeadSpec
from lensapp.core.score.feature_spec import MapSpec
from lensapp.core.score.precision import Precision
from lensapp.core.score.score_table_spec import ScoreTableSpec
from lensapp.services.train import runs
from lensapp.storage import runs as run_rows
from lensapp.storage.workspace import Workspace


@command(
    "score",
    RUN,
    SOURCE,
    option("--dask", metavar="URL", help="Address of a Dask scheduler, such as tcp://host:8786."),
    option(
        "--precision",
        choices=get_args(Precision),
        default="auto",
        help="fastest: in fewer bits where that finds the same lenses; auto: so for large sources only.",
    ),
    option(
        "--where",
        metavar="FILTER",
        help='Score only cutouts whose columns fulfil this, such as "mag_i < 22 & star < 0.5".',
    ),
    option("--shard", metavar="I/N", help="Only the I-th of N shares, as for the tasks of a Slurm array."),
    option(
        "--keep",
        type=int,
        metavar="N",
        help="Of a source in tiles: keep the pixels of the N best and of N at random; default: 1000.",
    ),
    ALLOW_UNKNOWN_UNITS,
    CROP,
)
def score(arguments: Arguments) -> dict[str, Any]:
    """Score a source with a run; resumes."""
    workspace = Workspace.open(arguments.workspace)
    job = runs.start_scoring(
        workspace,
        run_name=arguments.run,
        source_name=arguments.source,
        dask_url=arguments.dask,
        precision=arguments.precision,
        where=arguments.where,
        shard=arguments.shard,
        keep=arguments.keep,
        allow_unknown_units=arguments.allow_unknown_units,
        crop=arguments.crop,
    )
    outcome = finish_here(workspace, job)
    for warning in outcome.get("warnings", []):
        sys.stderr.write(f"Warning: {warning}\n")
    if outcome.get("check", "green") != "green":
        sys.stderr.write(f"Warning: {outcome['check_words']}\n")
    return outcome


@command(
    "check",
    RUN,
    option("source", metavar="N[,N2…]", help="Name of the source; several with --measured-as."),
    option(
        "--measured-as",
        metavar="TEXT",
        help="Remember that the run was measured on these sources, which show TEXT: checks of sources that "
        "look like them say so.",
    ),
)
def check(arguments: Arguments) -> dict[str, Any]:
    """Compare a source with what a run was trained on, and with what it was measured on."""
    from lensapp.services.score.source_checks import check_source, keep_as_measured

    workspace = Workspace.open(arguments.workspace)
    if arguments.measured_as is not None:
        names = names_in(arguments.source)
        return keep_as_measured(
            workspace, run_name=arguments.run, source_names=names, called=arguments.measured_as
        )
    return check_source(workspace, run_name=arguments.run, source_name=arguments.source).as_dict()


@command(
    "predict",
    RUN,
    option("files", metavar="FILE", nargs="+", help="A file that holds a cutout with all bands."),
    ALLOW_UNKNOWN_UNITS,
    CROP,
    OF_FILES,
)
def predict(arguments: Arguments) -> list[dict[str, Any]]:
    """Score single files."""
    from lensapp.learning.score.predict import expected_input, predict_rows
    from lensapp.services.evaluate.calibrations import calibrated_by_id
    from lensapp.services.evaluate.single_images import read_single_images

    workspace = Workspace.open(arguments.workspace)
    run = run_rows.get_run(workspace.database, arguments.run)
    folder = workspace.run_folder(run.name)
    expected = expected_input(folder)
    images = read_single_images(
        [Path(name) for name in arguments.files],
        expected,
        stated=given_values(arguments, IngestSpec),
        allow_unknown_units=arguments.allow_unknown_units,
        crop=arguments.crop,
    )
    for image in images:
        for warning in image.warnings:
            sys.stderr.write(f"Warning: {image.file}: {warning}\n")
    rows = predict_rows(folder, [image.pixels for image in images])
    chances = calibrated_by_id(
        workspace, run, {place: row["score"] for place, row in enumerate(rows) if "score" in row}
    )
    return [
        {"file": image.file, "id": image.candidate_id}
        | row
        | ({"calibrated_score": chances[place]} if place in chances else {})
        for place, (image, row) in enumerate(zip(images, rows, strict=True))
    ]


@command(
    "features",
    RUN,
    option("source", metavar="N", help="Name of a source or a dataset version."),
    SpecOptions(MapSpec, flags={"method": "--map"}),
)
def features(arguments: Arguments) -> dict[str, Any]:
    """Store and map the features of cutouts."""
    from lensapp.services.inspect.consensus import grades_of
    from lensapp.services.score import features as feature_service

    workspace = Workspace.open(arguments.workspace)
    given = given_values(arguments, MapSpec)
    spec = MapSpec.parse(given) if given else None
    job = feature_service.start_features(workspace, run_name=arguments.run, name=arguments.source, spec=spec)
    outcome = finish_here(workspace, job)
    if spec is None or spec.method == "none":
        return outcome
    grades = grades_of(workspace, feature_service.sources_of(workspace, arguments.source))
    table = feature_service.map_table(workspace, arguments.run, arguments.source, spec.method, grades=grades)
    return outcome | {"clusters": feature_service.cluster_rows(table)}


@command(
    "encoder",
    option("file", metavar="FILE.onnx", help="ONNX file that takes one image."),
    option("--name", required=True, help="Name of the run that gives its features."),
    option("--sidecar", metavar="F.json", help="Its description; default: FILE.json beside it."),
    SpecOptions(EncoderSpec),
)
def encoder(arguments: Arguments) -> dict[str, Any]:
    """Take in an encoder that was made elsewhere."""
    from lensapp.services.score import encoders

    workspace, file = Workspace.open(arguments.workspace), Path(arguments.file)
    sidecar = Path(arguments.sidecar) if arguments.sidecar else None
    spec = encoders.description_of(file, given_values(arguments, EncoderSpec), sidecar=sidecar)
    job = encoders.start_encoder_import(workspace, file=file, name=arguments.name, spec=spec)
    return finish_here(workspace, job)


@command(
    "embeddings",
    option("file", metavar="FILE", help="Parquet, FITS or npy file."),
    SOURCE,
    option("--name", required=True, help="Name of the run that gives them as features."),
    option("--id-column", metavar="COLUMN", help="Column of the IDs; default: candidate_id, id …"),
    option("--ids", metavar="F", help="For npy: file of the IDs, one per line or npy."),
)
def embeddings(arguments: Arguments) -> dict[str, Any]:
    """Take in a table of embeddings, joined by ID."""
    from lensapp.services.score import encoders

    workspace = Workspace.open(arguments.workspace)
    job = encoders.start_embeddings_import(
        workspace,
        file=Path(arguments.file),
        name=arguments.name,
        source_name=arguments.source,
        id_column=arguments.id_column,
        ids_file=Path(arguments.ids) if arguments.ids else None,
    )
    return finish_here(workspace, job)


@command(
    "import-scores",
    option("file", metavar="TABLE", help="Table in any format of catalogues."),
    option("--source", required=True, metavar="N", help="Name of the source."),
    option("--name", help="Name of the run, before that of the column where there are several."),
    option("--dataset", help="Dataset version that measures the scores; default: the source's newest."),
    SpecOptions(ScoreTableSpec, flags={"scores": "--score", "id_column": "--id"}),
)
def import_scores(arguments: Arguments) -> dict[str, Any]:
    """Take in scores that other programs gave."""
    from lensapp.services.score import score_imports

    workspace = Workspace.open(arguments.workspace)
    job = score_imports.start_score_import(
        workspace,
        file=Path(arguments.file),
        source_name=arguments.source,
        spec=ScoreTableSpec.parse(given_values(arguments, ScoreTableSpec)),
        name=arguments.name,
        dataset_name=arguments.dataset,
    )
    outcome = finish_here(workspace, job)
    for warning in outcome.get("warnings", []):
        sys.stderr.write(f"Warning: {warning}\n")
    return outcome


@command(
    "head",
    RUN,
    DATASET,
    option("--name", help="Name of the new run; default: made from that of the encoder."),
    SpecOptions(HeadSpec, skip=("head", "encoder")),
)
def head(arguments: Arguments) -> dict[str, Any]:
    """Train a logistic head on the features of a run."""
    from lensapp.services.score import encoders

    workspace = Workspace.open(arguments.workspace)
    spec = HeadSpec.parse(given_values(arguments, HeadSpec) | {"encoder": arguments.run})
    _, job = encoders.start_head(workspace, dataset_name=arguments.dataset, spec=spec, name=arguments.name)
    return finish_here(workspace, job)
