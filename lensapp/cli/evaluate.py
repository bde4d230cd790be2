"""Commands that measure and explain networks."""

from pathlib import Path
from typing import Any

from lensapp.cli.commands import RUN, Arguments, SpecOptions, command, option
from lensapp.cli.options import given_values
from lensapp.cli.running import finish_here
from lensapp.core.evaluate.explain_spec import ExplainSpec
from lensapp.services.train import runs
from lensapp.storage.workspace import Workspace


@command(
    "evaluate",
    RUN,
    option("--part", default="test", help="train, validation or test. Default: test."),
    option(
        "--dropout-passes",
        type=int,
        default=0,
        metavar="N",
        help="For values: Monte-Carlo dropout passes, whose scatter is added. Default: 0.",
    ),
)
def evaluate(arguments: Arguments) -> dict[str, Any]:
    """Measure a run on a part of its dataset."""
    workspace = Workspace.open(arguments.workspace)
    job = runs.start_evaluation(
        workspace, run_name=arguments.run, part=arguments.part, dropout_passes=arguments.dropout_passes
    )
    return finish_here(workspace, job)


@command(
    "metrics",
    option("file", metavar="FILE", type=Path, help="CSV, ECSV, FITS, Parquet or VOTable."),
    option("--score", required=True, metavar="COL", help="Column of the scores."),
    option("--label", required=True, metavar="COL", help="Column of the labels: 1 is a lens."),
    option("--threshold", type=float, help="Threshold of the confusion matrix; default 0.5."),
)
def metrics(arguments: Arguments) -> dict[str, Any]:
    """Figures of any table of scores and labels."""
    from lensapp.services.evaluate.metrics_table import metrics_of_table

    return metrics_of_table(
        arguments.file, score=arguments.score, label=arguments.label, threshold=arguments.threshold
    )


@command(
    "explain",
    RUN,
    option("subject", metavar="ID|FILE", help="ID of a candidate, or a file with one cutout."),
    option("--source", metavar="N", help="Source of the candidate, where several have its ID."),
    option("--out", metavar="F.png", type=Path, help="Draw cutout, regions and occlusion."),
    SpecOptions(ExplainSpec),
)
def explain(arguments: Arguments) -> dict[str, Any]:
    """Show what the score of one cutout rests on."""
    from lensapp.services.evaluate import explanations

    workspace = Workspace.open(arguments.workspace)
    subject = explanations.find_subject(workspace, arguments.subject, source_name=arguments.source)
    spec = ExplainSpec.parse(given_values(arguments, ExplainSpec))
    job = explanations.start_explanation(workspace, run_name=arguments.run, spec=spec, **subject)
    outcome = finish_here(workspace, job)
    if arguments.out:
        explanations.write_picture(workspace, arguments.run, outcome["key"], arguments.out)
        outcome["out"] = str(arguments.out)
    return outcome
