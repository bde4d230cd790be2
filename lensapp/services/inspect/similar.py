"""Find more like this: the candidates most similar to one that is shown, as a review of their own."""

from lensapp.core.acting import needs
from lensapp.core.errors import FeaturesMissing, InvalidInput, NotFound
from lensapp.core.score.feature_spec import MapSpec
from lensapp.core.typed_commands import as_typed_here
from lensapp.services.inspect.gallery import OpenReview
from lensapp.services.inspect.queues import ALIKE, review_of_cutouts
from lensapp.services.score.features import runs_that_give_features, start_features
from lensapp.services.score.neighbours import DEFAULT_COUNT, Neighbours, find_neighbours, runs_with_features
from lensapp.services.train.job_control import latest_job
from lensapp.services.train.runs import what_differs
from lensapp.storage import runs, sources
from lensapp.storage.records import Job, Review, Source
from lensapp.storage.workspace import Workspace


@needs("work")
def review_more_like(opened: OpenReview, shown_id: int, *, count: int = DEFAULT_COUNT) -> Review:
    """Return a review of the candidates of the whole source most similar to one that a review shows.

    It is graded as that review is, by the same inspectors, blind to the same; scores are those of the
    review's run, if any. Features are of that run where it has some, else of the newest run that has. The
    candidate itself comes first, but in a review with blind tests, where this would reveal them: there the
    search begins from the image that a test shows or is painted on, for any candidate without itself.

    Parameters
    ----------
    shown_id
        The candidate, as browsers know it.

    Raises
    ------
    InvalidInput
        When it is no candidate of the review.
    FeaturesMissing
        When no run has stored features of its source.
    """
    ws = opened.workspace
    [cutout_id] = opened.cutout_ids([shown_id])
    [candidate] = sources.get_cutouts(ws.database, [cutout_id])
    begin, source = _where_to_begin(opened, cutout_id)
    own = _run_of(opened)
    run_name = run_with_features(ws, source, own)
    similar = find_neighbours(ws, run_name=run_name, source_name=source.name, cutout_id=begin, count=count)
    queue = similar.cutout_ids.tolist() if opened.blind_tests else [begin, *similar.cutout_ids.tolist()]
    return review_of_cutouts(
        ws, name=f"{ALIKE}{candidate.candidate_id}", cutout_ids=queue, run_name=own, like=opened.spec
    )


def _where_to_begin(opened: OpenReview, cutout_id: int) -> tuple[int, Source]:
    """Return the cutout of which the like are looked for, and its source."""
    database = opened.workspace.database
    begin, test = cutout_id, opened.blind_tests.get(cutout_id)
    if test is not None:
        begin = int(test.truth["host"] if test.pixels_of is None else test.pixels_of)
    [cutout] = sources.get_cutouts(database, [begin])
    return begin, sources.source_by_id(database, cutout.source_id)


def _run_of(opened: OpenReview) -> str | None:
    run_id = opened.review.run_id
    return None if run_id is None else runs.run_by_id(opened.workspace.database, run_id).name


@needs("work")
def make_features_to_search(opened: OpenReview, shown_id: int) -> Job:
    """Queue the features that the search for candidates like one that a review shows needs, with their map.

    Choices are those with which the page Features begins.

    Raises
    ------
    InvalidInput
        When it is no candidate of the review, or no network can compute its features.
    BandMismatch
        When bands, their order, the size or the pixel scale differ from the network's.
    """
    ws = opened.workspace
    [cutout_id] = opened.cutout_ids([shown_id])
    _, source = _where_to_begin(opened, cutout_id)
    run = run_to_make_features(ws, source, _run_of(opened))
    if run is None:
        raise InvalidInput(f"There is no network to compute features of {source.name}. Train one first.")
    return start_features(ws, run_name=run, name=source.name, spec=MapSpec())


def features_made_to_search(opened: OpenReview, shown_id: int) -> Job | None:
    """Return the newest job that makes the features of the source of a candidate, or None."""
    [cutout_id] = opened.cutout_ids([shown_id])
    _, source = _where_to_begin(opened, cutout_id)
    return latest_job(opened.workspace, "features", source=source.name)


def run_with_features(ws: Workspace, source: Source, own: str | None) -> str:
    """Return the run `own` where it has features of a source, else the newest that has; or say what to do."""
    if names := runs_with_features(ws, source.name):
        return own if own in names else names[0]
    best = run_to_make_features(ws, source, own)
    if best is None:
        reason = (
            f"To find more like this, {source.name} needs stored features, and there is no network to "
            "compute them."
        )
        message = f"{reason} Train one on the page Train first."
        raise FeaturesMissing(message, source=source.name, run=None, brief=reason)
    reason = f"To find more like this, {source.name} needs stored features"
    raise FeaturesMissing(
        f"{reason}. Choose run {best} and source {source.name} on the page Features and make the map, or "
        f"run: {as_typed_here(f'features {best} {source.name}', workspace=ws.folder)}",
        source=source.name,
        run=best,
        brief=f"{reason}, which run {best} can compute.",
    )


def run_to_make_features(ws: Workspace, source: Source, own: str | None = None) -> str | None:
    """Return the run with which to compute features of a source: `own`, else the newest that reads it.

    Where none reads it as it is the newest stands in: the page Features says what differs. None where there
    is no network.
    """
    trained = sorted(runs_that_give_features(ws), key=lambda run: run.name != own)
    fitting = (run.name for run in trained if not what_differs(ws, run, source))
    return next(fitting, trained[0].name if trained else None)


@needs("work")
def review_alike(
    ws: Workspace,
    *,
    run_name: str,
    source: Source,
    cutout_id: int,
    count: int = DEFAULT_COUNT,
    called: str = ALIKE,
) -> tuple[Review, Neighbours]:
    """Return a review of a candidate and those most similar to it, itself first, and how similar they are.

    Its name begins as `called`. One called otherwise than a look stands among the reviews at once.

    Raises
    ------
    NotFound
        When the features have not been computed.
    InvalidInput
        When `count` is less than 1.
    """
    if count < 1:
        raise InvalidInput(f"{count} candidates cannot be searched for: ask for at least 1.")
    similar = find_neighbours(
        ws, run_name=run_name, source_name=source.name, cutout_id=cutout_id, count=count
    )
    [cutout] = sources.get_cutouts(ws.database, [cutout_id])
    queue = [cutout_id, *similar.cutout_ids.tolist()]
    name = f"{called}{cutout.candidate_id}"
    return review_of_cutouts(ws, name=name, cutout_ids=queue, run_name=run_name), similar


def candidate_called(ws: Workspace, source: Source, candidate_id: str) -> int:
    """Return the cutout id of a candidate of a source, or raise NotFound."""
    cutouts = sources.find_cutouts(ws.database, candidate_id, source_id=source.id)
    if not cutouts:
        raise NotFound(f"{source.name} has no candidate {candidate_id!r}. Check the ID.")
    return cutouts[0].id
