"""Commands that train: one network, several side by side, cross-validations, searches, committees."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lensapp.cli.commands import DATASET, SOURCE, Arguments, SpecOptions, command, names_in, option
from lensapp.cli.options import given_values
from lensapp.cli.running import finish_here
from lensapp.core.config import merged
from lensapp.core.errors import InvalidInput
from lensapp.core.train.baseline_spec import KINDS, BaselineSpec
from lensapp.core.train.committees import COMBINATIONS
from lensapp.core.train.comparison_spec import NOT_SHARED, ComparisonSpec
from lensapp.core.train.network_specs import caution_of
from lensapp.core.train.presets import PRESETS, find_preset
from lensapp.core.train.search_space import parse_space
from lensapp.core.train.study_spec import KfoldSpec, SearchSpec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.core.train.transfer_rules import STARTER
from lensapp.jobs import worker_name
from lensapp.services.train import runs, studies
from lensapp.services.train.pretraining import start_pretraining, unfinished_pretraining
from lensapp.services.train.run_notes import annotate_run, cleaned_tags
from lensapp.services.train.starter import install_starter
from lensapp.storage import datasets as dataset_rows
from lensapp.storage import queue
from lensapp.storage import runs as run_rows
from lensapp.storage.workspace import Workspace

USUAL_SPACE = "learning_rate,batch_size,weight_decay"
DIGITS = {"accuracy": 4, "auroc": 4, "tpr0": 3, "tpr10": 3, "rotation_std": 4, "seconds": 1}

MODEL = option("--model", help="Name of the network (see 'models').")
PRESET = option("--preset", help="Published recipe (see 'presets').")
DASK = option(
    "--dask",
    metavar="URL",
    help="Address of a Dask scheduler, such as tcp://host:8786, whose workers train a run each.",
)
SPREAD = option(
    "--spread", action="store_const", const=studies.WORKERS, help="Let other workers take part, a run each."
)
STUDY_NAME = option("--name", help="Name of the study; the names of its runs begin with it.")
TASK_FLAGS = {
    "task_kind": "--task",
    "task_output": "--output",
    "task_classes": "--classes",
    "task_positive": "--positive",
    "task_targets": "--targets",
    "task_merged": "--merged",
    "unlabelled_source": "--unlabelled",
}
PRETRAINED = ("task_source", "task_temperature", "task_projection")
OF_LABELS = (
    *("network", "task_kind", "task_output", "task_classes", "task_positive", "task_targets", "task_merged"),
    *("task_source", "unlabelled", "class_weights", "oversampling", "monitor", "monitor_fpr", "prior_bias"),
    *("early_stopping_patience", "label_smoothing", "focal_gamma", "loss", "average_orientations", "fold"),
    *("folds", "fold_seed", "augmentation_mixup_alpha", "augmentation_cutmix_alpha"),
)
"""What a training without labels has no use for, or has an argument for."""
RECIPE_OF_STUDY = SpecOptions(
    TrainingSpec, skip=("network", "fold", "folds", "fold_seed", *PRETRAINED), flags=TASK_FLAGS
)  # fmt: skip


@command(
    "train",
    DATASET,
    MODEL,
    PRESET,
    option("--name", help="Name of the run; default: made from network and dataset."),
    option(
        "--hosts",
        metavar="HOST:PORT,…",
        help="Where the processes listen that divide each batch of this training; all have the same command.",
    ),
    option("--member", type=int, default=0, help="Which of --hosts this is; 0, the first, keeps the run."),
    SpecOptions(TrainingSpec, skip=("network", *PRETRAINED), flags=TASK_FLAGS),
)
def train(arguments: Arguments) -> dict[str, Any]:
    """Train a network on a dataset version."""
    spec = _training_spec(arguments)
    if caution := caution_of(spec.network, spec.network_options):
        sys.stderr.write(f"Warning: {caution}\n")
    workspace = Workspace.open(arguments.workspace)
    asked = {"dataset_name": arguments.dataset, "spec": spec, "name": arguments.name}
    if arguments.hosts:
        return _train_in_group(workspace, asked, hosts=arguments.hosts, member=arguments.member)
    run, job = runs.unfinished_training(workspace, **asked) or runs.start_training(workspace, **asked)
    return {"run": run.name} | finish_here(workspace, job)


def _train_in_group(
    workspace: Workspace, asked: dict[str, Any], *, hosts: str, member: int
) -> dict[str, Any]:
    """Train as one of several processes, the first of which keeps the run."""
    from lensapp.learning.train.processes import HOSTS_VARIABLE, MEMBER_VARIABLE
    from lensapp.learning.train.run_training import take_part

    name = asked["name"]
    if not name:
        raise InvalidInput("Several processes must know the run that they train together. Give its --name.")
    os.environ |= {HOSTS_VARIABLE: hosts, MEMBER_VARIABLE: str(member)}
    if member:
        runs.wait_for_training(workspace, name)
        return {"run": name} | take_part(workspace, run_name=name)
    run, job = runs.unfinished_training(workspace, **asked) or runs.start_training(workspace, **asked)
    claimed = queue.claim_job(workspace.database, worker=worker_name(), job_id=job.id)
    if claimed is None:  # a worker would train it alone
        raise InvalidInput(
            f"{name} is trained by another worker already. Stop it first, or wait for its end."
        )
    return {"run": run.name} | finish_here(workspace, job, claimed=claimed)


def _training_spec(arguments: Arguments) -> TrainingSpec:
    """Return the recipe of --model or --preset with the settings that were given."""
    base = find_preset(arguments.preset).spec.saved() if arguments.preset else {}
    if arguments.model:
        if base and base["network"] != arguments.model:
            raise InvalidInput(
                f"The preset {arguments.preset} trains {base['network']}, not {arguments.model}. "
                "Leave out --model or --preset."
            )
        base["network"] = arguments.model
    given = given_values(arguments, TrainingSpec)
    if given.get("unlabelled", {}).get("source"):
        given["unlabelled"].setdefault("kind", "fixmatch")
    if not base and given.get("initial_run") is not None:
        base = _recipe_of(Workspace.open(arguments.workspace), given["initial_run"])
    if not base:
        raise InvalidInput(
            "Say what to train: --model NAME, --preset NAME or --initial-run RUN. 'models', 'presets' and "
            "'runs' list them."
        )
    base.setdefault("task", {"kind": "binary"})
    return TrainingSpec.parse(merged(base, given))


def _recipe_of(workspace: Workspace, run_name: str) -> dict[str, Any]:
    """Return the network of a run with its options, task and normalisation, to go on from it."""
    run = (
        install_starter(workspace) if run_name == STARTER else run_rows.get_run(workspace.database, run_name)
    )
    kept = ("network", "network_options", "task", "normalisation", "input", "batch_momentum")
    base = {key: run.spec[key] for key in kept if key in run.spec}
    if base.get("task", {}).get("kind") == "contrastive":
        del base["task"]  # of its body any task can be learned
    return base


@command(
    "pretrain",
    SOURCE,
    option("--model", help="Name of the network (see 'models'); default: that of the recipe SIMCLR."),
    option("--name", help="Name of the run; default: made from the network."),
    option(
        "--dataset", help="Version whose validation and test cutouts are left out; default: none is left out."
    ),
    SpecOptions(
        TrainingSpec,
        skip=OF_LABELS,
        flags={"task_temperature": "--temperature", "task_projection": "--projection"},
    ),
)
def pretrain(arguments: Arguments) -> dict[str, Any]:
    """Train a network on a source without labels.

    Copies of a cutout have to be recognised among others (SimCLR). Then 'train DATASET --initial-run RUN'
    takes the network as a start, 'head RUN DATASET' its features.
    """
    given = given_values(arguments, TrainingSpec)
    base = find_preset("SIMCLR").spec.saved()
    if arguments.model:
        base["network"] = arguments.model
    elif given.get("initial_run") is not None:
        of_run = _recipe_of(Workspace.open(arguments.workspace), given["initial_run"])
        base |= {key: value for key, value in of_run.items() if key != "task"}
    base["task"]["source"] = arguments.source
    spec = TrainingSpec.parse(merged(base, given))
    workspace = Workspace.open(arguments.workspace)
    asked = {"spec": spec, "dataset_name": arguments.dataset, "name": arguments.name}
    run, job = unfinished_pretraining(workspace, **asked) or start_pretraining(workspace, **asked)
    return {"run": run.name} | finish_here(workspace, job)


@command(
    "note",
    option("run", metavar="RUN", help="A run."),
    option("--text", help="The note; an empty text removes it."),
    option("--tags", metavar="A,B,…", help="All tags of the run; an empty text removes them."),
)
def note(arguments: Arguments) -> dict[str, Any]:
    """Give a run a note or tags."""
    tags = None if arguments.tags is None else names_in(arguments.tags)
    workspace = Workspace.open(arguments.workspace)
    run = annotate_run(workspace, arguments.run, note=arguments.text, tags=tags)
    return {"run": run.name, "note": run.note, "tags": run.tags}


@command("runs", option("--tags", metavar="A,B,…", help="Only runs that have all these tags."))
def list_runs(arguments: Arguments) -> list[dict[str, Any]]:
    """List the runs of the workspace."""
    database = Workspace.open(arguments.workspace).database
    every = dataset_rows.list_datasets(database, without_sources=True)
    names = {dataset.id: dataset.name for dataset in every}
    rows = []
    wanted = set(cleaned_tags(names_in(arguments.tags or "")))
    for run in run_rows.list_runs(database):
        if not wanted <= set(run.tags):
            continue
        best = run.summary.get("best") or {}
        rows.append(
            {
                "name": run.name,
                "model": run.model,
                "state": run.state,
                "dataset": names[run.dataset_id],
                "epochs": run.summary.get("epochs"),
                "best_epoch": run.summary.get("best_epoch"),
                "best_by": run.summary.get("best_by"),
                "val_loss": best.get("val_loss"),
                "val_auc": best.get("val_auc"),
                "seconds": run.summary.get("seconds"),
                "tags": run.tags,
                "note": run.note,
            }
        )
    return rows


@command("models")
def models(_arguments: Arguments) -> list[dict[str, Any]]:
    """List the networks with their parameters."""
    from models.registry import describe_networks

    return describe_networks()


@command("presets")
def presets(_arguments: Arguments) -> list[dict[str, Any]]:
    """List the published recipes."""
    return [
        {"name": item.name, "title": item.title, "document": item.document, "spec": item.spec.saved()}
        for item in PRESETS.values()
    ]


@command(
    "committee",
    option(
        "name",
        also="--name",
        metavar="NAME",
        nargs="?",
        help="Name of the new run; --name NAME does as well. None with --compare.",
    ),
    option("--members", required=True, metavar="A,B,…", help="Trained runs, at least two."),
    option(
        "--compare",
        action="store_true",
        help="Make nothing: measure each way on the test part, beside the best single run.",
    ),
    option(
        "--combine",
        choices=COMBINATIONS,
        default="mean",
        help="How scores become one: rank replaces each by its rank among the member's stored scores; "
        "weighted, bayes and stacking are fitted on the validation part. Values are weighted by the inverse "
        "square of each uncertainty.",
    ),
    option(
        "--prior",
        type=float,
        help="For bayes: share of lenses in what will be scored; default: that of the validation part.",
    ),
)
def committee(arguments: Arguments) -> Any:
    """Let several runs score as one, or compare the ways of it."""
    from lensapp.services.evaluate.combinations import compare_combinations
    from lensapp.services.evaluate.committees import make_committee

    workspace, members = Workspace.open(arguments.workspace), names_in(arguments.members)
    if arguments.compare:
        compared = asdict(compare_combinations(workspace, members))
        return (
            compared
            if arguments.json
            else [printed_way(way, compared["resolved"]) for way in compared["ways"]]
        )
    if not arguments.name:
        raise InvalidInput("The committee has no name. Give one, or --compare to make none.")
    run = make_committee(
        workspace,
        name=arguments.name,
        members=members,
        combine=arguments.combine,
        prior=arguments.prior,
    )
    return {"run": run.name} | {key: run.spec[key] for key in ("members", "combine", "reference", "learned")}


def printed_way(way: dict[str, Any], figures: Sequence[str]) -> dict[str, Any]:
    """Return the columns of the printed table of ways to combine scores."""
    from lensapp.services.evaluate.figure_tables import p_text

    row: dict[str, Any] = {"way": way["name"] if way["single"] else f"all by {way['name']}"}
    for name in figures:
        figure, p_value = way["figures"][name], way["p_values"].get(name)
        row[name] = f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})" + (
            "" if p_value is None else f" p {p_text(p_value)}"
        )
    return row


@command(
    "baselines",
    DATASET,
    option("--kinds", default=",".join(KINDS), help=f"Default: {','.join(KINDS)}."),
    option(
        "--on",
        default="pixels,morphology",
        help="pixels, morphology, features; default pixels,morphology.",
    ),
    option("--task", choices=("binary", "classes"), default="binary", help="Lens or not, or classes."),
    option("--merged", metavar="NEW=A+B,…", help="Classes taken as one."),
    option("--name", help="The names of the runs begin with it; default: the dataset version."),
    SpecOptions(BaselineSpec, skip=("baseline", "on", "task", "grid", "components")),
)
def baselines(arguments: Arguments) -> Any:
    """Fit classical classifiers."""
    from lensapp.services.train import comparisons

    workspace = Workspace.open(arguments.workspace)
    task: dict[str, Any] = {"kind": arguments.task}
    if arguments.merged:
        task["merged"] = names_in(arguments.merged)
    shared = given_values(arguments, BaselineSpec) | {"task": task}
    features_of = {"features_of": shared.pop("features_of", None)}
    specs = [
        BaselineSpec.parse(
            shared | {"baseline": kind, "on": seen} | (features_of if seen == "features" else {})
        )
        for seen in names_in(arguments.on)
        for kind in names_in(arguments.kinds)
    ]
    asked = {"dataset_name": arguments.dataset, "specs": specs, "name": arguments.name}
    job = comparisons.unfinished_baselines(workspace, **asked)
    if job is None:
        _, job = comparisons.start_baselines(workspace, **asked)
    result = finish_here(workspace, job)
    return result if arguments.json else result["runs"]


@command(
    "compare",
    DATASET,
    option("--baselines", action="store_true", help="Fit the classical classifiers too."),
    option("--name", help="Name of the comparison; that of one that was stopped resumes it."),
    DASK,
    SPREAD,
    SpecOptions(ComparisonSpec, skip=("baselines", "baselines_on", "training")),
    SpecOptions(TrainingSpec, skip=NOT_SHARED),
)
def compare(arguments: Arguments) -> Any:
    """Train networks side by side; resumes."""
    from lensapp.services.train import comparisons

    workspace, name = Workspace.open(arguments.workspace), arguments.name
    asked = {"dataset_name": arguments.dataset, "spread": arguments.dask or arguments.spread}
    given = given_values(arguments, ComparisonSpec)
    if training := given_values(arguments, TrainingSpec):
        given["training"] = training
    if arguments.baselines:
        given["baselines"] = KINDS
    spec = ComparisonSpec.parse(given)
    settings = spec if given or name is None else None  # a name alone resumes what bears it
    study, job = studies.unfinished_study(
        workspace, name, kind="comparison", spec=settings, **asked
    ) or comparisons.start_comparison(workspace, spec=spec, name=name, **asked)
    finish_here(workspace, job)
    rows = [asdict(row) for row in comparisons.compared_in(workspace, study)]
    if arguments.json:
        return {"study": study.name, "dataset": arguments.dataset, "runs": rows}
    return [printed_row(row) for row in rows]


def printed_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the printed table."""
    low, high = row["accuracy_low"], row["accuracy_high"]
    figures = {key: _rounded(row[key], digits) for key, digits in DIGITS.items()}
    return {
        "network": row["label"],
        "state": row["state"],
        "accuracy": figures.pop("accuracy"),
        "95 %": "–" if low is None else f"{low:.3f}–{high:.3f}",
        **figures,
        "images/s": _rounded(row["images_per_second"], 0),
        "parameters": "–" if row["parameters"] is None else f"{row['parameters']:,}".replace(",", " "),
        "run": row["run"],
        "reason": row["reason"][:80],
    }


def _rounded(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


@command(
    "kfold",
    DATASET,
    MODEL,
    PRESET,
    STUDY_NAME,
    SpecOptions(KfoldSpec, skip=("training",), flags={"seed": "--fold-seed"}),
    DASK,
    SPREAD,
    RECIPE_OF_STUDY,
)
def kfold(arguments: Arguments) -> dict[str, Any]:
    """Cross-validate a recipe; resumes by its name."""
    training = _training_spec(arguments)
    workspace = Workspace.open(arguments.workspace)
    own = studies.own_folds(workspace, arguments.dataset)
    values = ({"folds": own} if own else {}) | given_values(arguments, KfoldSpec)
    spec = KfoldSpec.parse(values | {"training": training.saved()})
    asked = {"dataset_name": arguments.dataset, "spread": arguments.dask or arguments.spread}
    _, job = studies.unfinished_study(
        workspace, arguments.name, kind="kfold", spec=spec, **asked
    ) or studies.start_kfold(workspace, spec=spec, name=arguments.name, **asked)
    return finish_here(workspace, job)


@command(
    "search",
    DATASET,
    MODEL,
    PRESET,
    STUDY_NAME,
    option(
        "--search",
        dest="search_space",
        default=USUAL_SPACE,
        metavar="A,B,…",
        help="Settings to try; a range (=LOW:HIGH) or choices (=A|B) may follow each, as in "
        f"learning_rate=1e-4:1e-2,network_options.filters. Default: {USUAL_SPACE}.",
    ),
    SpecOptions(
        SearchSpec,
        skip=("training", "space"),
        flags={"timeout_seconds": "--timeout", "seed": "--search-seed"},
    ),
    DASK,
    SPREAD,
    RECIPE_OF_STUDY,
)
def search(arguments: Arguments) -> dict[str, Any]:
    """Search hyper-parameters of a recipe; resumes by its name."""
    training = _training_spec(arguments)
    space = parse_space(arguments.search_space, training)
    spec = SearchSpec.parse(
        given_values(arguments, SearchSpec)
        | {
            "training": training.saved(),
            "space": {name: limits.saved() for name, limits in space.items()},
        }
    )
    workspace = Workspace.open(arguments.workspace)
    asked = {"dataset_name": arguments.dataset, "spread": arguments.dask or arguments.spread}
    _, job = studies.unfinished_study(
        workspace, arguments.name, kind="search", spec=spec, **asked
    ) or studies.start_search(workspace, spec=spec, name=arguments.name, **asked)
    return finish_here(workspace, job)
