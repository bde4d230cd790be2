"""How the scores of a run answer to what should not matter, and what averaging over orientations gains."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.evaluate.nuisance import Nuisance, NuisanceSpec, measure_nuisance
from lensapp.core.evaluate.resampling import Difference, compare_figures
from lensapp.core.numerals import true_minus
from lensapp.job_kinds import NuisancePayload
from lensapp.services.evaluate.figure_tables import p_equals
from lensapp.services.train.run_networks import network_has_changed
from lensapp.services.train.runs import require_network
from lensapp.storage import evaluations, runs
from lensapp.storage.evaluations import StoredNuisance
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace

ROUNDING = 5e-5  # a difference that is written 0.0000


@dataclass(frozen=True)
class Augmentation:
    """What averaging the scores over all orientations of a cutout gains and costs.

    Attributes
    ----------
    orientations
        How many scorings each cutout takes instead of one: the cost.
    auroc
        The AUROC of mean scores less that of single ones, resampled together on the same cutouts; None
        where the cutouts lack lenses or non-lenses.
    images_per_second
        Scorings per second, measured.
    """

    orientations: int
    auroc: Difference | None
    images_per_second: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@needs("work")
def start_nuisance(
    ws: Workspace, *, run_name: str, part: str = "test", spec: NuisanceSpec | None = None
) -> Job:
    """Queue the scoring of changed cutouts of a part; one of the same that waits or runs is returned.

    Raises
    ------
    NotFound, InvalidInput
        When the run does not exist or has no network; that a part is empty the job finds out.
    """
    run = runs.get_run(ws.database, run_name)
    require_network(ws, run)
    payload: NuisancePayload = {"run": run.name, "part": part, "spec": (spec or NuisanceSpec()).saved()}
    title = f"Changes that should not matter to {run.name}"
    return jobs.enqueue(ws.database, kind="nuisance", title=title, payload=payload, once=True)


def stored_nuisance(ws: Workspace, run_name: str, *, part: str) -> StoredNuisance | None:
    """Return what was scored by the present network of a run, or None."""
    run = runs.get_run(ws.database, run_name)
    folder = ws.run_folder(run.name)
    if not evaluations.nuisance_path(folder, part).exists():
        return None
    stored = evaluations.load_nuisance(folder, part)
    since, checksum = float(stored.figures["measured_at"]), stored.figures.get("network_sha256")
    return None if network_has_changed(ws, run, since=since, checksum=checksum) else stored


def nuisances(stored: StoredNuisance, *, threshold: float) -> list[Nuisance]:
    """Return how scores answer to each change, largest first, with differences of rates at a threshold."""
    pairs = zip(stored.figures["changes"], stored.changed, strict=True)
    told = [
        measure_nuisance(stored.labels, stored.oriented[0], after, change=name, threshold=threshold)
        for name, after in pairs
    ]
    return sorted(told, key=lambda one: -one.mean_change)


def augmentation(stored: StoredNuisance) -> Augmentation:
    """Return what averaging over orientations gains in AUROC, and what it costs."""
    auroc = None
    if stored.labels.any() and not stored.labels.all():
        [auroc] = [
            one
            for one in compare_figures(
                stored.labels,
                stored.oriented.mean(axis=0, dtype=np.float64),
                stored.oriented[0],
                rng=np.random.default_rng(0),
                groups=np.arange(len(stored.labels)) if stored.group_ids is None else stored.group_ids,
            )
            if one.figure == "auroc"
        ]
    return Augmentation(len(stored.oriented), auroc, float(stored.figures["images_per_second"]))


def augmentation_in_words(told: Augmentation) -> str:
    """Return in a sentence what averaging over orientations gains and costs."""
    count = told.orientations
    cost = f"Averaging the scores of all {count} orientations takes {count} times as long"
    if told.auroc is None:
        return f"{cost}."
    if max(abs(told.auroc.low), abs(told.auroc.high)) < ROUNDING:
        return f"{cost} and leaves the AUROC at {told.auroc.first:.3f}."
    gain, low, high = (
        true_minus(f"{one:+.4f}") for one in (told.auroc.difference, told.auroc.low, told.auroc.high)
    )
    return (
        f"{cost} and changes the AUROC from {told.auroc.second:.4f} to {told.auroc.first:.4f} ({gain}, 95 %: "
        f"{low} to {high}; {p_equals(told.auroc.p_value)}, both resampled together)."
    )
