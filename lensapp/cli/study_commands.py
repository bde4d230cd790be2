"""Commands about studies: cross-validations and searches of hyper-parameters."""

import argparse
from typing import Any

from lensapp.cli.network_commands import training_spec
from lensapp.cli.options import add_spec_options, given_values
from lensapp.cli.running import finish_here
from lensapp.core.train.search_space import parse_space
from lensapp.core.train.study_spec import KfoldSpec, SearchSpec
from lensapp.services.train import studies
from lensapp.storage.workspace import Workspace

NOT_OF_RECIPES = ("network", "fold", "folds", "fold_seed")
SEARCH_FLAGS = {"timeout_seconds": "--timeout"}
USUAL_SPACE = "learning_rate,batch_size,weight_decay"


def kfold(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train a recipe once per fold and summarise the out-of-fold figures."""
    spec = KfoldSpec.parse(
        {
            "folds": arguments.kfold_folds,
            "seed": arguments.kfold_seed,
            "training": training_spec(arguments).saved(),
        }
    )
    workspace = Workspace.open(arguments.workspace)
    job = studies.unfinished_study(workspace, arguments.name, kind="kfold", spec=spec.saved())
    if job is None:
        _, job = studies.start_kfold(
            workspace, dataset_name=arguments.dataset, spec=spec, name=arguments.name
        )
    return finish_here(workspace, job)


def search(arguments: argparse.Namespace) -> dict[str, Any]:
    """Search hyper-parameters of a recipe."""
    training = training_spec(arguments)
    space = parse_space(arguments.search_space, training)
    given = given_values(arguments, SearchSpec)
    spec = SearchSpec.parse(
        {key: value for key, value in given.items() if key in SearchSpec.model_fields}
        | {
            "seed": arguments.search_seed,
            "training": training.saved(),
            "space": {name: limits.saved() for name, limits in space.items()},
        }
    )
    workspace = Workspace.open(arguments.workspace)
    job = studies.unfinished_study(workspace, arguments.name, kind="search", spec=spec.saved())
    if job is None:
        _, job = studies.start_search(
            workspace, dataset_name=arguments.dataset, spec=spec, name=arguments.name
        )
    return finish_here(workspace, job)


def add_kfold_options(parser: argparse.ArgumentParser) -> None:
    """Add what only a cross-validation has."""
    folds, seed = KfoldSpec.model_fields["folds"], KfoldSpec.model_fields["seed"]
    parser.add_argument(
        "--folds",
        dest="kfold_folds",
        type=int,
        default=folds.default,
        metavar="K",
        help=f"{folds.description} Default: {folds.default}.",
    )
    parser.add_argument(
        "--fold-seed",
        dest="kfold_seed",
        type=int,
        default=seed.default,
        metavar="VALUE",
        help=f"{seed.description} Default: {seed.default}.",
    )


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Add what only a search has."""
    parser.add_argument(
        "--search",
        dest="search_space",
        default=USUAL_SPACE,
        metavar="A,B,…",
        help="Settings to try, each with an own range (=LOW:HIGH) or choices (=A|B) where wanted, such as "
        f"learning_rate=1e-4:1e-2,network_options.filters. Default: {USUAL_SPACE}.",
    )
    add_spec_options(parser, SearchSpec, skip=("seed", "training", "space"), flags=SEARCH_FLAGS)
    seed = SearchSpec.model_fields["seed"]
    parser.add_argument(
        "--search-seed",
        type=int,
        default=seed.default,
        metavar="VALUE",
        help=f"{seed.description} Default: {seed.default}.",
    )
