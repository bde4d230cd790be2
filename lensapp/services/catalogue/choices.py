"""What the catalogue page offers: sources, and the runs, reviews and further sources of each."""

from dataclasses import dataclass

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.services.inspect.queues import is_fed_back, list_reviews
from lensapp.services.inspect.vote_log import voted_per_review
from lensapp.services.train.run_listing import studies_last
from lensapp.storage import reviews, runs, sources
from lensapp.storage.records import Review, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace


@dataclass(frozen=True, eq=False)
class CatalogueChoices:
    """Sources that are ready, reviews and runs, each newest first, and how they belong together.

    Attributes
    ----------
    sources, reviews
        Sources that can be shown; all reviews.
    shown_in
        Review name -> IDs of the sources whose candidates it shows.
    scored_by
        Run name -> IDs of the sources that it scored; runs with scores from a table come last.
    voted_sources, voted_reviews
        IDs of sources, and names of reviews, with votes.
    fed_back
        Names of the reviews that are fed back where none is chosen by name.
    """

    sources: tuple[Source, ...]
    reviews: tuple[Review, ...]
    shown_in: dict[str, frozenset[int]]
    scored_by: dict[str, frozenset[int]]
    voted_sources: frozenset[int]
    voted_reviews: frozenset[str]
    fed_back: frozenset[str]

    def reviews_of(self, source: Source) -> list[str]:
        """Return the names of the reviews that show candidates of a source."""
        return [name for name, keys in self.shown_in.items() if source.id in keys]

    def runs_of(self, source: Source) -> list[str]:
        """Return the names of the runs that scored a source."""
        return [name for name, keys in self.scored_by.items() if source.id in keys]

    def further_sources(self, source: Source, review_names: tuple[str, ...]) -> list[str]:
        """Return the names of the other sources whose candidates some reviews show."""
        keys = {key for name in review_names for key in self.shown_in[name]} - {source.id}
        return [one.name for one in self.sources if one.id in keys]

    def sources_of(self, query: CatalogueQuery) -> list[Source]:
        """Return the sources of a query in its order."""
        by_name = {source.name: source for source in self.sources}
        return [by_name[name] for name in query.of]


def catalogue_choices(ws: Workspace) -> CatalogueChoices:
    """Return what a catalogue can be made of."""
    every = list_reviews(ws)
    shown_in = {review.name: frozenset(reviews.source_ids_of(ws.database, review)) for review in every}
    voted_ids = voted_per_review(ws)
    voted = frozenset(review.name for review in every if review.id in voted_ids)
    scored: dict[int, set[int]] = {}
    for run_id, source_id, _ in stored_scores.score_counts(ws):
        scored.setdefault(run_id, set()).add(source_id)
    return CatalogueChoices(
        sources=tuple(one for one in sources.list_sources(ws.database) if one.state == sources.READY),
        reviews=tuple(every),
        shown_in=shown_in,
        scored_by={
            run.name: frozenset(scored[run.id])
            for run in studies_last(ws, runs.list_runs(ws.database))
            if run.id in scored
        },
        voted_sources=frozenset(key for name in voted for key in shown_in[name]),
        voted_reviews=voted,
        fed_back=frozenset(review.name for review in every if is_fed_back(ws, review)),
    )
