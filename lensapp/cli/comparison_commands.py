"""Commands that put several networks together or side by side."""

import argparse
import json
from typing import Any

from lensapp import jobs
from lensapp.cli.options import given_values
from lensapp.cli.running import finish_here
from lensapp.core.errors import InvalidInput
from lensapp.core.train.baseline_spec import KINDS, BaselineSpec
from lensapp.core.train.comparison_spec import ComparisonSpec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import comparisons
from lensapp.services.train.run_states import latest_job
from lensapp.storage import studies
from lensapp.storage.records import Job, Study
from lensapp.storage.workspace import Workspace

DIGITS = {"accuracy": 4, "auroc": 4, "tpr0": 3, "tpr10": 3, "rotation_std": 4, "seconds": 1}


def committee(arguments: argparse.Namespace) -> dict[str, Any]:
    """Make a committee of trained runs."""
    from lensapp.services.train.committees import make_committee

    run = make_committee(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        members=_names(arguments.members),
        combine=arguments.combine,
    )
    return {"run": run.name} | {key: run.spec[key] for key in ("members", "combine", "reference")}


def add_baseline_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `baselines`."""
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"Default: {','.join(KINDS)}.")
    parser.add_argument(
        "--on", default="pixels,morphology", help="pixels, morphology, features; default pixels,morphology."
    )
    parser.add_argument("--features-of", metavar="RUN", help="Run whose penultimate layer gives features.")
    parser.add_argument("--task", choices=("binary", "classes"), default="binary", help="What is asked.")
    parser.add_argument("--largest-sample", help="Training cutouts used at most; default 5000.")
    parser.add_argument("--seed", default="0", help="Start of all random numbers.")
    parser.add_argument("--name", help="Begins the names of the runs; default: the dataset version.")


def baselines(arguments: argparse.Namespace) -> Any:
    """Fit classical classifiers and measure them on the test part."""
    workspace = Workspace.open(arguments.workspace)
    shared = {"seed": arguments.seed, "task": {"kind": arguments.task}}
    if arguments.largest_sample:
        shared["largest_sample"] = arguments.largest_sample
    specs = [
        BaselineSpec.parse(
            shared
            | {"baseline": kind, "on": seen}
            | ({"features_of": arguments.features_of} if seen == "features" else {})
        )
        for seen in _names(arguments.on)
        for kind in _names(arguments.kinds)
    ]
    _, job = comparisons.start_baselines(
        workspace, dataset_name=arguments.dataset, specs=specs, name=arguments.name
    )
    result = finish_here(workspace, job)
    return result if arguments.json else result["runs"]


def add_comparison_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `compare` that are no training settings."""
    parser.add_argument("--models", default="", metavar="A,B,…", help="Networks to train (see 'models').")
    parser.add_argument("--presets", default="", metavar="A,B,…", help="Recipes to train (see 'presets').")
    parser.add_argument("--runs", default="", metavar="A,B,…", help="Runs that exist, to show beside them.")
    parser.add_argument("--baselines", action="store_true", help="Fit the classical classifiers too.")
    parser.add_argument(
        "--options", metavar="JSON", help='Options of networks, as {"elu_cnn": {"filters": 16}}.'
    )
    parser.add_argument(
        "--minutes", metavar="VALUE", help="Time for each training; it then ends. Default: all its epochs."
    )
    parser.add_argument(
        "--clock", choices=("wall", "processor"), default="wall",
        help="What --minutes counts; processor time is fair on a machine that does other work.",
    )  # fmt: skip
    parser.add_argument(
        "--name", help="Name of the comparison; that of one that was stopped goes on with it."
    )


def compare(arguments: argparse.Namespace) -> Any:
    """Train networks with the same budget, and tabulate their figures."""
    workspace = Workspace.open(arguments.workspace)
    study, job = _resumed(workspace, arguments) or comparisons.start_comparison(
        workspace, dataset_name=arguments.dataset, spec=_comparison_spec(arguments), name=arguments.name
    )
    finish_here(workspace, job)
    rows = comparisons.describe(comparisons.compared_in(workspace, study))
    if arguments.json:
        return {"study": study.name, "dataset": arguments.dataset, "runs": rows}
    return [_printed(row) for row in rows]


def _resumed(workspace: Workspace, arguments: argparse.Namespace) -> tuple[Study, Job] | None:
    """Return the comparison of that name that did not come to its end, queued again."""
    known = {study.name: study for study in studies.list_studies(workspace.database, kind=comparisons.KIND)}
    study = known.get(arguments.name)
    if study is None:
        return None
    job = latest_job(workspace, "compare", study=study.name)
    waits = job is not None and job.state in ("queued", "running")  # or its process was killed
    if job is None or not (waits or jobs.resume(workspace.database, job.id)):
        raise InvalidInput(
            f"Expected a new name or that of a stopped comparison, received {study.name}, which is "
            f"{study.state}. Choose another --name."
        )
    return study, job


def _comparison_spec(arguments: argparse.Namespace) -> ComparisonSpec:
    return ComparisonSpec.parse(
        {
            "models": _names(arguments.models),
            "presets": _names(arguments.presets),
            "runs": _names(arguments.runs),
            "baselines": KINDS if arguments.baselines else (),
            "training": given_values(arguments, TrainingSpec),
            "options": _options(arguments.options),
            "minutes": arguments.minutes,
            "clock": arguments.clock,
        }
    )


def _options(text: str | None) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError as error:
        raise InvalidInput(
            f'Expected JSON such as {{"elu_cnn": {{"filters": 16}}}} of options, received {text!r}: {error}.'
        ) from error


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _printed(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the printed table."""
    low, high = row["accuracy_low"], row["accuracy_high"]
    interval = "–" if low is None else f"{low:.3f}–{high:.3f}"
    figures = {key: _rounded(row[key], digits) for key, digits in DIGITS.items()}
    return {
        "network": row["label"],
        "state": row["state"],
        "accuracy": figures.pop("accuracy"),
        "95 %": interval,
        **figures,
        "images/s": _rounded(row["images_per_second"], 0),
        "parameters": "–" if row["parameters"] is None else f"{row['parameters']:,}".replace(",", " "),
        "run": row["run"],
        "reason": row["reason"][:80],
    }


def _rounded(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
