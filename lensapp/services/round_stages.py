"""The stages of the round: what has been reached for a source, and how many there are of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from lensapp.services.selected_chain import Chain
from lensapp.storage.records import Run

MOST_OF_REMARK = 16  # letters, beside the count of a stage
STAGES = {
    "Cutouts": ("data", "paint"),
    "Dataset": ("split",),
    "Network": ("train", "experiments", "evaluate", "compare", "features"),
    "Scores": ("score",),
    "Votes": ("inspect", "team", "replay"),
    "Catalogue": ("catalogue",),
}
"""The stages of the round and the pages about each, the first of them where it is done."""


@dataclass(frozen=True)
class RoundStage:
    """One stage of the round as it stands for what is selected.

    Attributes
    ----------
    page
        Where it is done.
    done, running
        Whether it has been reached, and whether a job works on it.
    count, of
        How many there are, and of how many; None where there is nothing to count.
    hint
        One line on it, such as the name of the dataset version.
    remark
        What the count is of where it is not of what is selected, as in "2 sources" or "by other-run".
    """

    name: str
    page: str
    done: bool
    running: bool
    count: int | None
    of: int | None
    hint: str
    remark: str = ""


def stages_of(
    chain: Chain, of_source: Chain, busy: set[str], networks: Mapping[str, Run], *, votes_used: bool
) -> tuple[RoundStage, ...]:
    """Return the stages of a chain; scores, votes and the export are `of_source`, which may be of a survey.

    Votes are done once all of a review are given, or once those given are used; never without any.
    """
    source, dataset, run = chain.source, chain.dataset, chain.run
    review = of_source.review
    members = sum(sum(part.values()) for part in dataset.counts.values()) if dataset else None
    remarks, together = _other_things(chain, of_source)
    facts: dict[str, tuple[bool, int | None, int | None, str]] = {
        "Cutouts": (
            source is not None, chain.cutouts or None, None,
            f"of {source.name}" if source else "Import cutouts, or make a demo survey.",
        ),
        "Dataset": (
            dataset is not None, members, None,
            f"members of {dataset.name}{together}" if dataset else "No dataset version of these cutouts yet.",
        ),
        "Network": (
            any(one.state == "finished" and not one.is_external for one in networks.values()), None, None,
            _network_in_words(run),
        ),
        "Scores": (
            of_source.scored > 0, of_source.scored or None, None,
            _scores_words(chain, of_source) or "Not scored yet.",
        ),
        "Votes": (
            review is not None and of_source.graded > 0 and (votes_used or of_source.graded >= review.size),
            of_source.graded if review else None,
            review.size if review else None,
            f"candidates of {review.name} graded" if review else "No review of them yet.",
        ),
        "Catalogue": (
            of_source.exported, None, None, "Exported." if of_source.exported else "Not exported yet."
        ),
    }  # fmt: skip
    return tuple(
        RoundStage(name, STAGES[name][0], done, name in busy, count, of, hint, remarks.get(name, ""))
        for name, (done, count, of, hint) in facts.items()
    )


def _scores_words(chain: Chain, of_source: Chain) -> str:
    """Return whose scores are counted, and of what where it is of other cutouts than those shown."""
    source, searched = chain.source, of_source.source
    if of_source.run is None or not of_source.scored:
        return ""
    elsewhere = source is not None and searched is not None and source.id != searched.id
    return (
        f"of {searched.name} by {of_source.run.name}"
        if elsewhere and searched
        else f"by {of_source.run.name}"
    )


def _other_things(chain: Chain, of_source: Chain) -> tuple[dict[str, str], str]:
    """Return the remarks on counts that are not of what is selected, and what the hint of a version adds."""
    source, dataset, run = chain.source, chain.dataset, chain.run
    remarks, together = {}, ""
    if run is not None and run.is_external:
        remarks["Network"] = "table of scores"
    if source is not None and dataset is not None and len(dataset.source_ids) > 1:
        remarks["Dataset"] = f"{len(dataset.source_ids)} sources"
        together = f", from {remarks['Dataset']}; the other counts are those of {source.name}"
    if source is not None and dataset is not None and source.id not in dataset.source_ids:
        remarks["Dataset"] = dataset.name if len(dataset.name) <= MOST_OF_REMARK else "other cutouts"
        together = (
            f", none of them of {source.name}: {run.name} learned from these"
            if run and not run.is_external
            else ""
        )
    searched = of_source.source
    if run is not None and of_source.run is not None and run.id != of_source.run.id:
        remarks["Scores"] = f"by {of_source.run.name}"
    elif source is not None and searched is not None and source.id != searched.id:
        remarks["Scores"] = f"of {searched.name}"
    return remarks, together


def _network_in_words(run: Run | None) -> str:
    """Return the name of a run and how it stands; of scores from a table that they have no network."""
    if run is None:
        return "No network trained on them yet."
    auroc = (run.evaluation or {}).get("auroc")
    measured = "" if auroc is None else f", AUROC {auroc:.3f}"
    if run.is_external:
        return f"{run.name}: scores of a table, without a network{measured}."
    return f"{run.name}, {run.state}{measured}"
