"""The commands and their options."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lensapp import __version__
from lensapp.cli import (
    OneLineParser,
    active_commands,
    comparison_commands,
    data_commands,
    explain_commands,
    export_commands,
    feature_commands,
    network_commands,
    people_commands,
    study_commands,
    team_commands,
)
from lensapp.cli.options import add_spec_options
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.split.splits import SplitSpec
from lensapp.core.train.committees import COMBINATIONS
from lensapp.core.train.comparison_spec import NOT_SHARED
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.simulation.survey import DemoSpec

INGEST_FLAGS = {"label_column": "--labels", "catalogue_path": "--catalogue"}
SPLIT_FLAGS = {"group_radius_arcsec": "--group-radius"}
TRAIN_FLAGS = {
    "task_kind": "--task",
    "task_output": "--output",
    "task_classes": "--classes",
    "task_positive": "--positive",
    "task_targets": "--targets",
}
Command = Callable[[argparse.Namespace], Any]


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of `python -m lensapp`."""
    parser = OneLineParser(
        prog="python -m lensapp", description="Find strong gravitational lenses, headless."
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "--workspace", type=Path, help="Workspace folder; default LENSAPP_WORKSPACE or ./workspace."
    )
    parser.add_argument("--json", action="store_true", help="Print one JSON object on stdout.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=OneLineParser)
    _add_data(commands)
    _add_network(commands)
    _add_comparisons(commands)
    _add_studies(commands)
    _add_people(commands)
    _add_team(commands)
    _add_active(commands)
    _add_explanations(commands)
    return parser


def _add(commands: Any, name: str, command: Command, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    # Also after the command; suppressed so that an absent one does not undo the one in front.
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="Print one JSON object."
    )
    parser.add_argument("--workspace", type=Path, default=argparse.SUPPRESS, help="Workspace folder.")
    parser.set_defaults(command=command)
    return parser


def _add_data(commands: Any) -> None:
    demo = _add(commands, "demo", data_commands.demo, "Simulate a survey with known truth.")
    demo.add_argument("--name", required=True, help="Name of the new source.")
    add_spec_options(demo, DemoSpec, flags={})
    ingest = _add(commands, "ingest", data_commands.ingest, "Import cutouts of any layout.")
    ingest.add_argument("path", metavar="PATH", help="File or folder of cutouts.")
    ingest.add_argument("--name", help="Name of the new source; not needed with --dry-run.")
    ingest.add_argument("--dry-run", action="store_true", help="Say what would be imported; write nothing.")
    add_spec_options(ingest, IngestSpec, skip=("path",), flags=INGEST_FLAGS)
    split = _add(commands, "split", data_commands.split, "Split sources into a frozen dataset version.")
    split.add_argument("sources", metavar="N[,N2…]", help="Names of the sources.")
    split.add_argument("--name", help="Name of the dataset version; default: made from the source.")
    split.add_argument(
        "--exclude-known", metavar="FILE", help="Table of known lenses (or lenscat) that are no non-lenses."
    )
    split.add_argument(
        "--known-radius", type=float, default=2.0, metavar="ARCSEC", help="Radius of that match; default 2."
    )
    export_commands.add_radius_column(split)
    add_spec_options(split, SplitSpec, flags=SPLIT_FLAGS)
    for name in ("sources", "datasets", "runs"):
        _add(commands, name, getattr(data_commands, f"list_{name}"), f"List the {name} of the workspace.")


def _add_network(commands: Any) -> None:
    train = _add(commands, "train", network_commands.train, "Train a network on a dataset version.")
    train.add_argument("dataset", metavar="DATASET", help="Name of the dataset version.")
    train.add_argument("--model", help="Name of the network (see 'models').")
    train.add_argument("--preset", help="Recipe of a document (see 'presets').")
    train.add_argument("--name", help="Name of the run; default: made from network and dataset.")
    add_spec_options(train, TrainingSpec, skip=("network",), flags=TRAIN_FLAGS)
    evaluate = _add(
        commands, "evaluate", network_commands.evaluate, "Measure a run on a part of its dataset."
    )
    evaluate.add_argument("run", metavar="RUN", help="Name of the run.")
    evaluate.add_argument("--part", default="test", help="train, validation or test. Default: test.")
    evaluate.add_argument(
        "--dropout-passes", type=int, default=0, metavar="N",
        help="For values: estimate each N times with dropout on, and add the scatter. Default: 0.",
    )  # fmt: skip
    score = _add(commands, "score", network_commands.score, "Score a source with a run; resumes.")
    score.add_argument("run", metavar="RUN", help="Name of the run.")
    score.add_argument("source", metavar="N", help="Name of the source.")
    score.add_argument("--dask", metavar="URL", help="Address of a Dask scheduler, such as tcp://host:8786.")
    feature_commands.add_features(
        _add(commands, "features", feature_commands.features, "Store and map the features of cutouts.")
    )
    predict = _add(commands, "predict", network_commands.predict, "Score single files.")
    predict.add_argument("run", metavar="RUN", help="Name of the run.")
    predict.add_argument(
        "files", metavar="FILE", nargs="+", help="A file that holds a cutout with all bands."
    )
    metrics = _add(
        commands, "metrics", network_commands.metrics, "Figures of any table of scores and labels."
    )
    metrics.add_argument("file", metavar="FILE", type=Path, help="CSV, ECSV, FITS, Parquet or VOTable.")
    metrics.add_argument("--score", required=True, metavar="COL", help="Column of the scores.")
    metrics.add_argument("--label", required=True, metavar="COL", help="Column of the labels: 1 is a lens.")
    metrics.add_argument("--threshold", type=float, help="Threshold of the confusion matrix; default 0.5.")
    _add(commands, "models", network_commands.models, "List the networks with their parameters.")
    _add(commands, "presets", network_commands.presets, "List the documents' recipes.")
    worker = _add(commands, "worker", network_commands.work, "Run queued jobs until stopped.")
    worker.add_argument("--idle-seconds", type=float, help="End after so long without a job.")
    one = _add(commands, "run-job", network_commands.run_one_job, "Run one claimed job (used by the worker).")
    one.add_argument("job", metavar="JOB", type=int, help="Number of the job.")
    one.add_argument("--attempt", type=int, required=True, help="Attempt that the worker claimed.")


def _add_comparisons(commands: Any) -> None:
    committee = _add(commands, "committee", comparison_commands.committee, "Let several runs score as one.")
    committee.add_argument("name", metavar="NAME", help="Name of the new run.")
    committee.add_argument("--members", required=True, metavar="A,B,…", help="Trained runs, at least two.")
    committee.add_argument(
        "--combine",
        choices=COMBINATIONS,
        default="mean",
        help="How scores become one; rank puts each in its place among the member's stored scores, "
        "weighted is for values: by the inverse square of each uncertainty.",
    )
    baselines = _add(commands, "baselines", comparison_commands.baselines, "Fit classical classifiers.")
    baselines.add_argument("dataset", metavar="DATASET", help="Name of the dataset version.")
    comparison_commands.add_baseline_options(baselines)
    compare = _add(commands, "compare", comparison_commands.compare, "Train networks side by side; resumes.")
    compare.add_argument("dataset", metavar="DATASET", help="Name of the dataset version.")
    comparison_commands.add_comparison_options(compare)
    add_spec_options(compare, TrainingSpec, skip=NOT_SHARED, flags={})


def _add_studies(commands: Any) -> None:
    kfold = _add(commands, "kfold", study_commands.kfold, "Cross-validate a recipe; resumes by its name.")
    study_commands.add_kfold_options(kfold)
    search = _add(
        commands, "search", study_commands.search, "Search hyper-parameters of a recipe; resumes by its name."
    )
    study_commands.add_search_options(search)
    for parser in (kfold, search):
        parser.add_argument("dataset", metavar="DATASET", help="Name of the dataset version.")
        parser.add_argument("--model", help="Name of the network (see 'models').")
        parser.add_argument("--preset", help="Recipe of a document (see 'presets').")
        parser.add_argument("--name", help="Name of the study, in front of the names of its runs.")
        add_spec_options(parser, TrainingSpec, skip=study_commands.NOT_OF_RECIPES, flags=TRAIN_FLAGS)


def _add_people(commands: Any) -> None:
    vote = _add(commands, "vote", people_commands.vote, "Grade one candidate.")
    vote.add_argument("name", metavar="N", help="Name of a source or a review.")
    vote.add_argument("--candidate", required=True, metavar="ID", help="ID of the candidate.")
    vote.add_argument("--grade", required=True, help="A, B, C or X, or another grade that the review offers.")
    vote.add_argument("--inspector", required=True, metavar="NAME", help="Who grades.")
    given = _add(
        commands, "import-votes", people_commands.import_votes, "Add the votes of a file, none twice."
    )
    given.add_argument("name", metavar="REVIEW|SOURCE", help="Name of a review or a source.")
    given.add_argument("file", metavar="FILE", type=Path, help="CSV, ECSV, FITS, VOTable or Parquet.")
    people_commands.add_import_options(given)
    label = _add(commands, "label", people_commands.label, "Freeze the consensus into a new dataset version.")
    label.add_argument("name", metavar="N", help="Name of a source, a review or a dataset version.")
    label.add_argument("--dataset", help="Dataset version to build on; default: the newest of the source.")
    label.add_argument("--as", dest="new_name", metavar="NAME", help="Name of the new version.")
    people_commands.add_rules(label)
    export = _add(commands, "export", export_commands.export, "Write, draw or send a labelled catalogue.")
    export_commands.add_export_options(export)
    known = _add(
        commands, "known", export_commands.known, "Find known lenses and the share that a run finds."
    )
    export_commands.add_known_options(known)


def _add_team(commands: Any) -> None:
    review = _add(commands, "review", team_commands.review, "Save a queue of candidates to inspect.")
    review.add_argument("name", metavar="NAME", help="Name of the new review.")
    review.add_argument("source", metavar="N", help="Name of the source.")
    review.add_argument("--run", help="Run whose scores order and limit the candidates.")
    add_spec_options(review, ReviewSpec, flags={})
    _add(commands, "reviews", team_commands.list_reviews, "List the reviews of the workspace.")
    close = _add(commands, "close", team_commands.close, "End a review; its blind tests are exported then.")
    close.add_argument("review", metavar="REVIEW", help="Name of the review.")
    inspectors = _add(commands, "inspectors", team_commands.inspectors, "How well and fast inspectors do.")
    inspectors.add_argument("review", metavar="REVIEW", help="Name of the review.")
    consensus = _add(commands, "consensus", team_commands.consensus, "Combine the votes of reviews.")
    consensus.add_argument("review", metavar="REVIEW[,REVIEW2…]", help="Names of the reviews.")
    add_spec_options(consensus, ConsensusSpec, flags={})
    disputed = _add(commands, "disputed", team_commands.disputed, "Make a review of what is disputed.")
    disputed.add_argument("review", metavar="REVIEW", help="Name of the review.")
    disputed.add_argument("--limit", type=int, default=100, help="At most so many candidates; default 100.")


def _add_active(commands: Any) -> None:
    active_commands.add_bald(
        _add(commands, "bald", active_commands.bald, "Store what passes with dropout disagree on.")
    )
    active_commands.add_similar(
        _add(commands, "similar", active_commands.similar, "Make a review of what is most alike a candidate.")
    )
    active_commands.add_replay(
        _add(commands, "replay", active_commands.replay, "How many lenses each order would have found.")
    )


def _add_explanations(commands: Any) -> None:
    explain_commands.add_explain(
        _add(commands, "explain", explain_commands.explain, "Show what the score of one cutout rests on.")
    )
