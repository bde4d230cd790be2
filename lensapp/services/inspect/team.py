"""How well and how fast each inspector of a review does, and how far they agree."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import combinations
from operator import attrgetter
from statistics import median
from typing import Any

import numpy as np

from lensapp.core.inspect.agreement import (
    Alpha,
    Rate,
    SharedVerdicts,
    cohen_kappa,
    kappa_interval,
    krippendorff_alpha,
    shared_verdicts,
    wilson_rate,
)
from lensapp.core.inspect.consensus import last_votes, vote_values
from lensapp.core.inspect.grades import LENS_FROM
from lensapp.core.inspect.inspector_names import inspector_key
from lensapp.core.inspect.pace import hasty_rows, mean_seconds, seconds_of
from lensapp.services.inspect.blind_tests import DUD, LENS, REPEAT, tests_are_told
from lensapp.services.inspect.consensus import retired_in
from lensapp.services.inspect.vote_log import votes_in
from lensapp.storage import reviews
from lensapp.storage.records import BlindTest, Review, Vote
from lensapp.storage.workspace import Workspace

SECONDS_PER_HOUR = 3600.0
BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class InspectorRecord:
    """One inspector in one review.

    Attributes
    ----------
    graded, total
        Candidates graded, blind tests included, of those shown, or of the inspector's share and those graded
        beside it; retired ones count only where graded.
    completeness
        Simulated lenses graded B or better.
    false_positives
        Duds graded B or better.
    self_agreement
        Repetitions given the same grade as the first time.
    seconds_each
        Mean seconds per candidate, interruptions cut to one minute; None without timed votes.
    hours_left
        For the rest of the review, at these seconds each.
    looks
        Each grade given and the seconds that it took, None where these are not known, in the order of time.
    hasty
        Votes given too fast to have seen the pictures.
    """

    name: str
    graded: int
    total: int
    completeness: Rate
    false_positives: Rate
    self_agreement: Rate
    seconds_each: float | None
    hours_spent: float
    hours_left: float | None
    looks: tuple[tuple[str, float | None], ...]
    hasty: int


@dataclass(frozen=True)
class Pair:
    """Cohen's kappa of two inspectors on the candidates that both graded, with its 95 % interval."""

    first: str
    second: str
    kappa: float
    low: float
    high: float
    candidates: int


@dataclass(frozen=True)
class Team:
    """All inspectors of a review, their agreement on its candidates, and how many of these are settled.

    Attributes
    ----------
    tests_hidden
        Whether there are blind tests whose results who acts may not see yet: rates have no cases then.
    """

    review: Review
    tests_hidden: bool
    retired: int
    inspectors: tuple[InspectorRecord, ...]
    alpha: Alpha
    shared: SharedVerdicts
    pairs: tuple[Pair, ...]


def team_of(ws: Workspace, *, review_name: str) -> Team:
    """Return how the inspectors of a review do; on blind tests only where these are told.

    A rate that changes with one's own vote would tell what the candidate was.

    Raises
    ------
    NotFound
        When the review does not exist.
    """
    review = reviews.get_review(ws.database, review_name)
    state = reviews.state_of_review(ws.database, review.id)
    votes = _by_votes(ws, review.id, state, told=tests_are_told(review))
    retired = set(retired_in(ws, review).tolist())
    shares = {inspector_key(name): keys for name, keys in reviews.shares_of(ws.database, review.id).items()}
    every = reviews.queue_of(ws.database, review.id)
    records = []
    for record, graded in votes.records:
        asked = set(shares.get(inspector_key(record.name), every).tolist())
        records.append(with_left(record, len(asked - retired - graded)))
    hidden, settled = len(votes.told) < votes.tests, len(retired - votes.told)
    return Team(review, hidden, settled, tuple(records), votes.alpha, votes.shared, votes.pairs)


@dataclass(frozen=True)
class _ByVotes:
    """What the votes of a review alone tell: records without what is left, each with what was graded.

    `tests` counts its blind tests, and `told` holds those that may be told.
    """

    tests: int
    told: frozenset[int]
    records: tuple[tuple[InspectorRecord, frozenset[int]], ...]
    alpha: Alpha
    shared: SharedVerdicts
    pairs: tuple[Pair, ...]


@lru_cache(maxsize=16)
def _by_votes(ws: Workspace, review_id: int, _state: reviews.StateOfVotes, *, told: bool) -> _ByVotes:
    tests, counted = _counted(ws, reviews.review_by_id(ws.database, review_id))
    known = tests if told else {}
    by_name = _by_inspector(counted)
    candidates = [vote for vote in counted if vote.cutout_id not in known]
    cutouts, values = np.array([vote.cutout_id for vote in candidates], np.int64), vote_values(candidates)
    return _ByVotes(
        tests=len(tests),
        told=frozenset(known),
        records=tuple(
            (record_of(name, votes, known), frozenset(vote.cutout_id for vote in votes))
            for name, votes in by_name.items()
        ),
        alpha=krippendorff_alpha(cutouts, values, rng=np.random.default_rng(BOOTSTRAP_SEED)),
        shared=shared_verdicts(cutouts, values, lens_from=LENS_FROM),
        pairs=pairwise_kappa(candidates, list(by_name)),
    )


def _counted(ws: Workspace, review: Review) -> tuple[dict[int, BlindTest], list[Vote]]:
    """Return the blind tests of a review by cutout, and its votes that count, on them too."""
    tests = {test.cutout_id: test for test in reviews.blind_tests_of(ws.database, [review.id])}
    log = votes_in(ws, review, with_blind_tests=True)
    return tests, [log[row] for row in last_votes(log).tolist()]


def _by_inspector(votes: Sequence[Vote]) -> dict[str, list[Vote]]:
    """Return votes by who cast them, in the order of names."""
    found: dict[str, list[Vote]] = {}
    for vote in sorted(votes, key=attrgetter("inspector")):
        found.setdefault(vote.inspector, []).append(vote)
    return found


def grades_by_cutout(ws: Workspace, review: Review, cutout_ids: Collection[int]) -> dict[int, list[str]]:
    """Return the grades that count on some candidates of a review, the best first."""
    wanted = {*cutout_ids}
    log = [vote for vote in votes_in(ws, review) if vote.cutout_id in wanted]
    grades: dict[int, list[tuple[float, str]]] = {}
    counted = [log[row] for row in last_votes(log).tolist()]
    for vote, value in zip(counted, vote_values(counted).tolist(), strict=True):
        grades.setdefault(vote.cutout_id, []).append((-value, str(vote.grade)))
    return {key: [grade for _, grade in sorted(given)] for key, given in grades.items()}


@dataclass(frozen=True)
class MeasuredRates:
    """How all inspectors of all reviews together did in blind tests, and how fast they are.

    Attributes
    ----------
    completeness, false_positives
        Simulated lenses and duds graded B or better.
    seconds_each
        Median of the inspectors' mean seconds per candidate; None without timed votes.
    """

    inspectors: int
    completeness: Rate
    false_positives: Rate
    seconds_each: float | None


def measured_rates(ws: Workspace) -> MeasuredRates:
    """Return the rates of the inspectors of all reviews; each blind test counts once per inspector.

    Those of reviews whose blind tests are not told do not count.
    """
    records = []
    for review in reviews.list_reviews(ws.database):
        tests, counted = _counted(ws, review)
        told = tests if tests_are_told(review) else {}
        records += [record_of(name, votes, told) for name, votes in _by_inspector(counted).items()]
    rates = {
        kind: wilson_rate(
            sum(getattr(one, kind).hits for one in records), sum(getattr(one, kind).cases for one in records)
        )
        for kind in ("completeness", "false_positives")
    }
    timed = [one.seconds_each for one in records if one.seconds_each is not None]
    names = len({one.name for one in records})
    return MeasuredRates(names, **rates, seconds_each=median(timed) if timed else None)


def with_left(record: InspectorRecord, left: int) -> InspectorRecord:
    """Return a record with a number of candidates that are left to grade."""
    each = record.seconds_each
    hours = None if each is None else left * each / SECONDS_PER_HOUR
    return replace(record, total=record.graded + left, hours_left=hours)


def record_of(name: str, votes: Sequence[Vote], tests: dict[int, BlindTest]) -> InspectorRecord:
    """Return how one inspector does, from the votes that count; nothing is left to grade."""
    spent, each = seconds_of(votes), mean_seconds(votes)
    values = dict(zip((vote.cutout_id for vote in votes), vote_values(votes).tolist(), strict=True))
    repeated = [
        (values[cutout_id], values[test.pixels_of])
        for cutout_id, test in tests.items()
        if test.kind == REPEAT and test.pixels_of in values and cutout_id in values
    ]
    return InspectorRecord(
        name=name,
        graded=len(votes),
        total=len(votes),
        completeness=_said_lens(votes, tests, LENS),
        false_positives=_said_lens(votes, tests, DUD),
        self_agreement=wilson_rate(sum(again == before for again, before in repeated), len(repeated)),
        seconds_each=each,
        hours_spent=sum(spent) / SECONDS_PER_HOUR,
        hours_left=None if each is None else 0.0,
        looks=tuple(
            (str(vote.grade), vote.seconds_spent) for vote in sorted(votes, key=attrgetter("voted_at", "id"))
        ),
        hasty=len(hasty_rows(votes).every),
    )


def _said_lens(votes: Sequence[Vote], tests: dict[int, BlindTest], kind: str) -> Rate:
    cast = [vote for vote in votes if vote.cutout_id in tests and tests[vote.cutout_id].kind == kind]
    return wilson_rate(int((vote_values(cast) >= LENS_FROM).sum()), len(cast))


def pairwise_kappa(votes: Sequence[Vote], names: Sequence[str]) -> tuple[Pair, ...]:
    """Return Cohen's kappa of each two of the inspectors `names` on the candidates that both graded."""
    cutouts, row = np.unique([vote.cutout_id for vote in votes], return_inverse=True)
    number = {name: place for place, name in enumerate(names)}
    values = np.full((len(names), len(cutouts)), np.nan)
    values[[number[vote.inspector] for vote in votes], row] = vote_values(votes)
    pairs = []
    for first, second in combinations(range(len(names)), 2):
        shared = np.isfinite(values[first]) & np.isfinite(values[second])
        codes = [np.rint(1000 * values[one, shared]).astype(np.int64) for one in (first, second)]
        kappa, (low, high) = cohen_kappa(*codes), kappa_interval(*codes)
        pairs.append(Pair(names[first], names[second], kappa, low, high, int(shared.sum())))
    return tuple(pairs)


def agreement_of(ws: Workspace, review: Review, *, inspector: str) -> list[dict[str, Any]]:
    """Return how far one inspector of a review agrees with each other, most candidates first.

    It tells no single vote, so that those who grade blind to each other may see it. Blind tests are left out
    once they are told; before, a number that does not grow with a vote would tell them.

    Returns
    -------
    list
        {"inspector", "kappa" (None where undefined), "candidates"} for each who graded the same candidates.
    """
    tests, counted = _counted(ws, review)
    told = tests if tests_are_told(review) else {}
    candidates = [vote for vote in counted if vote.cutout_id not in told]
    own, found = inspector_key(inspector), []
    for pair in pairwise_kappa(candidates, sorted({vote.inspector for vote in counted})):
        names = [name for name in (pair.first, pair.second) if inspector_key(name) != own]
        if len(names) == 1 and pair.candidates:
            found.append(
                {"inspector": names[0], "kappa": _defined(pair.kappa), "candidates": pair.candidates}
            )
    return sorted(found, key=lambda one: -one["candidates"])


def describe_team(team: Team) -> dict[str, Any]:
    """Return a team as plain JSON values; what is undefined is null."""
    return {
        "review": team.review.name,
        "retired": team.retired,
        "inspectors": [
            {
                "name": one.name,
                "graded": one.graded,
                "total": one.total,
                "completeness": _rate(one.completeness),
                "false_positive_rate": _rate(one.false_positives),
                "self_agreement": _rate(one.self_agreement),
                "seconds_each": one.seconds_each,
                "hours_spent": one.hours_spent,
                "hours_left": one.hours_left,
            }
            for one in team.inspectors
        ],
        "krippendorff_alpha": {
            "value": _defined(team.alpha.value),
            "low": _defined(team.alpha.low),
            "high": _defined(team.alpha.high),
            "candidates": team.alpha.units,
        },
        "shared": asdict(team.shared),
        "cohen_kappa": [
            {
                "inspectors": [pair.first, pair.second],
                "value": _defined(pair.kappa),
                "candidates": pair.candidates,
            }
            for pair in team.pairs
        ],
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {
        "value": _defined(rate.value),
        "low": _defined(rate.low),
        "high": _defined(rate.high),
        "hits": rate.hits,
        "cases": rate.cases,
    }


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
