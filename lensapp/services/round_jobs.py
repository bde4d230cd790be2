"""Which jobs belong to a round: whose stages they work on, and what of them is waited for."""

from collections.abc import Collection, Mapping, Sequence

from lensapp.job_kinds import JOB_KINDS, selection_of
from lensapp.services.data.painting import KIND as PAINTING
from lensapp.services.round_stages import STAGES
from lensapp.services.selected_chain import Chain
from lensapp.storage.records import Job

MAKES_NO_NETWORK = {"evaluate", "features"}
"""Pages of the stage of networks whose jobs only measure, explain or describe: no stage waits for these."""


def stages_at_work(active: Sequence[Job], names: Mapping[str, str], networks: Collection[str]) -> set[str]:
    """Return the stages that a running job works on, of what has these names and of these networks."""
    running = [job for job in active if job.state == "running"]
    pages = {JOB_KINDS[job.kind].page for job in running if concerns(job, names)}
    pages |= {JOB_KINDS[job.kind].page for job in running if made_by(job).get("run") in networks} & {
        *STAGES["Network"]
    }
    pages -= MAKES_NO_NETWORK
    return {name for name, about in STAGES.items() if not pages.isdisjoint(about)}


def made_by(job: Job) -> dict[str, str]:
    """Return what a page shows the work of a job by: its source, run and study."""
    return selection_of(job.kind, job.payload)


def concerns(job: Job, names: Mapping[str, str]) -> bool:
    """Whether a job works on what has these names; of what has no cutouts yet, every job that makes some."""
    if "source" not in names:
        return JOB_KINDS[job.kind].page == "data"
    made = made_by(job)
    return bool(made.keys() & names.keys()) and all(
        names.get(kind, name) == name for kind, name in made.items()
    )


def paints_on(job: Job, chain: Chain) -> bool:
    """Whether a job paints lenses on cutouts that no network takes part with: what it makes is waited for."""
    if job.kind != PAINTING or chain.source is None or chain.run is not None:
        return False
    return chain.source.name in job.payload["spec"].get("hosts", ())
