"""What runs that are compared did not begin alike: weights of another run, labels of another version."""

from collections.abc import Callable, Sequence

from lensapp.storage import datasets, runs
from lensapp.storage.workspace import Workspace


def beginnings_in_words(ws: Workspace, run_names: Sequence[str], *, named: Callable[[str], str] = str) -> str:
    """Return which runs began from the weights of another, and from which versions they learned if several.

    `named` writes the name of a run or a version.
    """
    by_name = {run.name: run for run in runs.list_runs(ws.database)}
    versions = {one.id: one.name for one in datasets.list_datasets(ws.database, without_sources=True)}
    named_here = [by_name[name] for name in run_names if name in by_name]
    chosen = [run for run in named_here if not run.is_external]  # a table of scores learned nothing here
    said = []
    for run in chosen:
        earlier = run.spec.get("initial_run")
        if not earlier:
            continue
        epochs = by_name[earlier].summary.get("epochs") if earlier in by_name else None
        after = f", after its {epochs} epochs" if epochs else ""
        said.append(f"{named(run.name)} began from the weights of {named(earlier)}{after}.")
    learned: dict[str, list[str]] = {}
    for run in chosen:
        learned.setdefault(versions.get(run.dataset_id, ""), []).append(run.name)
    learned.pop("", None)
    if len(learned) > 1:
        parts = [f"{', '.join(map(named, names))} on {named(version)}" for version, names in learned.items()]
        said.append(
            f"They were trained on different dataset versions, whose labels may differ: {'; '.join(parts)}."
        )
    return " ".join(said)
