"""The consensus of inspectors: thresholds, last votes and independence of order."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus import Consensus, find_consensus, grades_of_means, last_votes


@dataclass(frozen=True)
class CastVote:
    cutout_id: int = 1
    inspector: str = "ann"
    grade: str | None = "A"
    client: str = "tab"
    seq: int = 0
    voted_at: float = 0.0
    received_at: float = 0.0
    value: float | None = None


def facts(consensus: Consensus) -> list[tuple[object, ...]]:
    columns = (consensus.cutout_id, consensus.votes, consensus.mean, consensus.scatter, consensus.grade)
    rows = zip(*[column.tolist() for column in columns], consensus.inspectors, strict=True)
    return [tuple(None if cell != cell else cell for cell in row) for row in rows]  # noqa: PLR0124 - NaN


def team(grades: str) -> list[CastVote]:
    return [CastVote(inspector=f"i{k}", client=f"c{k}", grade=g) for k, g in enumerate(grades)]


@pytest.mark.parametrize(
    ("grades", "mean", "grade"),
    [("A", 3.0, "A"), ("AB", 2.5, "B"), ("AAB", 8 / 3, "A"), ("BC", 1.5, "B"), ("CCB", 4 / 3, "C"),
     ("CX", 0.5, "C"), ("CXX", 1 / 3, "X"), ("X", 0.0, "X"), ("AX", 1.5, "B")],
)  # fmt: skip
def test_the_published_thresholds_decide_the_grade(grades: str, mean: float, grade: str) -> None:
    consensus = find_consensus(team(grades))
    assert consensus.mean.tolist() == [mean]
    assert consensus.grade.tolist() == [grade]


def test_the_scatter_is_the_population_standard_deviation_of_the_values() -> None:
    consensus = find_consensus(team("AABX"))
    np.testing.assert_allclose(consensus.scatter, [np.std([3, 3, 2, 0])], rtol=1e-15)
    assert np.isnan(find_consensus(team("A")).scatter).all(), "one vote has none"


def test_grades_of_other_schemes_count_by_their_value() -> None:
    votes = [CastVote(inspector="ann", grade="sure", value=3), CastVote(inspector="bob", grade="A", value=1)]
    votes += [CastVote(inspector="cas", grade="A"), CastVote(inspector="dan", grade=None, value=0)]
    consensus = find_consensus(votes)
    assert (consensus.mean.tolist(), consensus.votes.tolist()) == ([7 / 3], [3])


def test_no_votes_give_no_consensus() -> None:
    assert len(find_consensus([])) == 0
    assert grades_of_means(np.empty(0)).tolist() == []


def test_only_the_last_vote_of_an_inspector_counts() -> None:
    votes = [CastVote(grade="A", seq=0), CastVote(grade="X", seq=1), CastVote(grade="B", seq=2)]
    assert facts(find_consensus(votes)) == [(1, 1, 2.0, None, "B", ("ann",))]


def test_a_withdrawn_vote_vanishes_and_does_not_bring_the_one_before_back() -> None:
    votes = [CastVote(grade="A", seq=0), CastVote(grade="X", seq=1), CastVote(grade=None, seq=2)]
    assert len(find_consensus(votes)) == 0
    assert facts(find_consensus([*votes, CastVote(inspector="bob", grade="C", client="other")])) == [
        (1, 1, 1.0, None, "C", ("bob",))
    ]


def test_a_vote_after_a_withdrawal_counts() -> None:
    votes = [CastVote(grade=None, seq=1), CastVote(grade="C", seq=2), CastVote(grade="A", seq=0)]
    assert find_consensus(votes).grade.tolist() == ["C"]


def test_a_vote_cast_offline_and_delivered_late_does_not_replace_a_newer_one() -> None:
    offline = CastVote(grade="A", client="train", voted_at=100.0, received_at=900.0)
    newer = CastVote(grade="X", client="office", voted_at=200.0, received_at=200.0)
    assert find_consensus([newer, offline]).grade.tolist() == ["X"]


def test_a_clock_that_runs_years_ahead_does_not_win_for_ever() -> None:
    ahead = CastVote(grade="A", client="broken clock", voted_at=9e9, received_at=100.0)
    newer = CastVote(grade="X", client="office", voted_at=200.0, received_at=200.0)
    assert find_consensus([ahead, newer]).grade.tolist() == ["X"]


def test_within_a_client_the_running_number_decides_even_when_the_clock_is_set_back() -> None:
    before = CastVote(grade="A", seq=4, voted_at=500.0, received_at=500.0)
    after = CastVote(grade="X", seq=5, voted_at=100.0, received_at=501.0)
    assert find_consensus([after, before]).grade.tolist() == ["X"]


def test_an_unknown_grade_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="The vote 'D' has no value"):
        find_consensus([CastVote(grade="D")])


some_votes = st.lists(
    st.builds(
        CastVote,
        cutout_id=st.integers(1, 3),
        inspector=st.sampled_from(["ann", "bob", "çem"]),
        grade=st.sampled_from(["A", "B", "C", "X", None]),
        client=st.sampled_from(["t1", "t2", "t3"]),
        seq=st.integers(0, 30),
        voted_at=st.integers(0, 5).map(float),
        received_at=st.integers(0, 5).map(float),
    ),
    unique_by=lambda vote: (vote.client, vote.seq),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(votes=some_votes, random=st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(votes: list[CastVote], random: object) -> None:
    shuffled = list(votes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = find_consensus(votes), find_consensus(shuffled)
    assert facts(first) == facts(second)
    assert [votes[k] for k in first.counted] == [shuffled[k] for k in second.counted]


@settings(max_examples=60, deadline=None)
@given(votes=some_votes)
def test_a_repeated_delivery_changes_nothing(votes: list[CastVote]) -> None:
    repeated = votes + [replace(vote, received_at=vote.received_at) for vote in votes]
    assert facts(find_consensus(votes)) == facts(find_consensus(repeated))


@settings(max_examples=60, deadline=None)
@given(votes=some_votes)
def test_no_client_is_ever_overruled_by_its_own_earlier_vote(votes: list[CastVote]) -> None:
    for place in last_votes(votes).tolist():
        chosen = votes[place]
        rivals = [v.seq for v in votes if (v.client, v.cutout_id) == (chosen.client, chosen.cutout_id)
                  and v.inspector == chosen.inspector]  # fmt: skip
        assert chosen.seq == max(rivals)
