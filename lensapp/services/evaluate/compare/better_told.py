"""The run that does better than another on the same test part, and whether chance would give as much."""

from dataclasses import dataclass

from lensapp.core.errors import LensAppError
from lensapp.core.evaluate.resampling import Difference
from lensapp.core.once import once
from lensapp.services.evaluate.compare.same_part import measured_alike
from lensapp.services.evaluate.compare.verdict import tells_apart
from lensapp.services.evaluate.differences import compare_aurocs, scored
from lensapp.services.evaluate.figure_tables import p_equals
from lensapp.services.train.better_runs import DIGITS, auroc_on_test, better_run
from lensapp.services.train.runs import has_network
from lensapp.storage import datasets, runs
from lensapp.storage.records import Run
from lensapp.storage.studies import study_names_by_run
from lensapp.storage.workspace import Workspace

TEST = "test"
MOST_TESTED = 3  # runs of earlier versions, the best first


@dataclass(frozen=True)
class BetterRun:
    """A run with a higher AUROC on the same test part, and in a sentence how sure that is.

    `named` are the names that the sentence holds; `sure` tells that the paired test tells the runs apart, and
    `before` that the run is of a version that the other's came from.
    """

    run: Run
    why: str
    named: tuple[str, ...] = ()
    sure: bool = False
    before: bool = False


def better_told(ws: Workspace, run: Run) -> BetterRun | None:
    """Return the run that has a higher AUROC than an evaluated one on the same test part, or None.

    It is the best of its version; or one of a version that this came from, such as before votes were fed
    back, where the paired test tells that it is better still.
    """
    return _better_told(ws, run.name)


@once
def _better_told(ws: Workspace, name: str) -> BetterRun | None:
    run = runs.get_run(ws.database, name)
    better = better_run(ws, run)
    earlier = _better_before(ws, better or run)
    told = earlier or better
    if told is None:
        return None
    tested = _tested(ws, told.name, name)
    sure = tested is not None and tells_apart(tested.p_value)
    words = _lead_in_words(ws, told, run)
    return BetterRun(told, words, (told.name, name), sure=sure, before=earlier is not None)


def _better_before(ws: Workspace, run: Run) -> Run | None:
    """Return the best run of the versions that a run's came from which the paired test tells to be better."""
    own = auroc_on_test(run)
    if own is None:
        return None
    version = datasets.dataset_by_id(ws.database, run.dataset_id)
    line = {one.id for one in datasets.earlier_versions(ws.database, version)}
    trials = study_names_by_run(ws.database) if line else {}
    ahead = [
        (auroc, one)
        for one in runs.list_runs(ws.database)
        if one.dataset_id in line and one.id not in trials and (auroc := auroc_on_test(one) or 0.0) > own
    ]
    ahead.sort(key=lambda pair: -pair[0])
    for _, one in ahead[:MOST_TESTED]:
        tested = _tested(ws, one.name, run.name)
        if tested is not None and tells_apart(tested.p_value) and has_network(ws, one):
            return one
    return None


def told_apart(ws: Workspace, one: Run, other: Run) -> str:
    """Return which of two runs of a version has the higher AUROC on the test part, as a sentence.

    Nothing is said of runs of several versions, or where one was not evaluated there.
    """
    reached, others = auroc_on_test(one), auroc_on_test(other)
    if one.dataset_id != other.dataset_id or reached is None or others is None:
        return ""
    if reached == others:
        return f"Both have the test AUROC {reached:.{DIGITS}f}."
    return _lead_in_words(ws, one, other) if reached > others else _lead_in_words(ws, other, one)


def _lead_in_words(ws: Workspace, run: Run, other: Run) -> str:
    """Return that a run has a higher AUROC than another, with the p-value of no difference.

    It is called better only where the paired test on the cutouts of the test part tells them apart. None is
    made where they were measured on other cutouts.
    """
    tested = _tested(ws, run.name, other.name)
    figures = f"{auroc_on_test(run):.{DIGITS}f} against {auroc_on_test(other):.{DIGITS}f}"
    if tested is None:
        return f"{run.name} has a higher test AUROC than {other.name}: {figures}."
    told = f"{figures}, {p_equals(tested.p_value)}"
    if tells_apart(tested.p_value):
        return f"{run.name} is better than {other.name}: test AUROC {told}."
    return f"{run.name} has a higher test AUROC than {other.name}, not significantly: {told}."


@once
def _tested(ws: Workspace, run: str, other: str) -> Difference | None:
    """Return the paired test of two AUROCs; None without it, as of two measured on other cutouts."""
    if not measured_alike(ws, [run, other], part=TEST):
        return None
    try:
        return compare_aurocs(scored(ws, run, part=TEST), scored(ws, other, part=TEST))
    except LensAppError:  # hardly any cutouts, or one class only
        return None
