"""SWAP: a hand-worked example, and laws that must hold for any set of votes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.swap import Skills, learn_skills, retirement, swap_posteriors


def test_skills_are_counted_on_blind_tests_with_two_imagined_ones() -> None:
    inspector = np.array([0, 0, 0, 0, 0, 1])
    said = np.array([True, True, False, False, False, True])
    truth = np.array([True, True, True, False, False, False])
    skills = learn_skills(inspector, said, truth, inspectors=3)
    # Inspector 0: 2 of 3 lenses, 2 of 2 duds. Inspector 1: no lens, 0 of 1 dud. Inspector 2: nothing.
    assert skills.lens == pytest.approx([3 / 5, 1 / 2, 1 / 2])
    assert skills.nonlens == pytest.approx([3 / 4, 1 / 3, 1 / 2])
    assert skills.lenses_seen.tolist() == [3, 0, 0]
    assert skills.nonlenses_seen.tolist() == [2, 1, 0]


def test_posteriors_equal_a_hand_worked_example() -> None:
    skills = Skills(np.array([0.9, 0.8]), np.array([0.95, 0.7]), np.array([1, 1]), np.array([1, 1]))
    candidate = np.array([0, 0, 1, 1, 2])
    inspector = np.array([0, 1, 0, 1, 0])
    said = np.array([True, True, True, False, False])
    posterior = swap_posteriors(candidate, inspector, said, skills, candidates=4, prior=0.01)
    # Odds 1:99. "Lens" by 0: 0.9/0.05 = 18; by 1: 0.8/0.3 = 8/3. "Not" by 0: 0.1/0.95; by 1: 0.2/0.7.
    odds = np.array([18 * 8 / 3, 18 * 2 / 7, 0.1 / 0.95, 1.0]) / 99
    assert posterior == pytest.approx(odds / (1 + odds), rel=1e-12)


def test_an_inspector_without_blind_tests_changes_nothing() -> None:
    skills = learn_skills(np.empty(0, int), np.empty(0, bool), np.empty(0, bool), inspectors=1)
    votes = np.zeros(30, int)
    posterior = swap_posteriors(votes, votes, np.ones(30, bool), skills, candidates=1)
    assert posterior == pytest.approx([2e-4])


def test_candidates_retire_beyond_the_thresholds_only() -> None:
    states = retirement(np.array([0.95, 0.951, 1e-7, 9e-8, 2e-4]))
    assert states.tolist() == ["open", "detected", "open", "rejected", "open"]
    assert retirement(np.array([0.3]), detect_above=0.2).tolist() == ["detected"]
    with pytest.raises(InvalidInput, match="reject_below < detect_above"):
        retirement(np.array([0.3]), detect_above=0.1, reject_below=0.2)


@pytest.mark.parametrize(("prior", "below"), [(2e-4, 1e-7), (0.3, 2.14197e-4), (0.45, 4.08842e-4)])
def test_five_votes_against_settle_a_candidate_whatever_the_prior(prior: float, below: float) -> None:
    # Four blind tests and a pseudo-count of 2 at 0.5: (4 + 1) / (4 + 2) = 5/6 of each kind. A vote "not"
    # multiplies the odds by (1/6) / (5/6) = 1/5, and 5⁴ = 625 < 2000 < 3125 = 5⁵: five are needed. With
    # 1e-7 and a prior of 0.3 the odds would have to fall by 0.43 / 1e-7 = 4.3e6 < 5¹⁰: ten votes.
    truth = np.repeat([True, False], 4)
    skills = learn_skills(np.zeros(8, int), truth, truth, inspectors=1)
    spec = ConsensusSpec(method="swap", prior=prior)
    assert spec.rejected_below == pytest.approx(below, rel=1e-5)
    for count in (4, 5):
        votes = np.zeros(count, int)
        posterior = swap_posteriors(votes, votes, np.zeros(count, bool), skills, candidates=1, prior=prior)
        state = retirement(posterior, reject_below=spec.rejected_below)
        assert state.tolist() == ["rejected" if count == 5 else "open"]


def test_certain_skills_are_refused() -> None:
    skills = Skills(np.array([1.0]), np.array([0.5]), np.array([1]), np.array([0]))
    with pytest.raises(InvalidInput, match="above 0 and below 1, but one is 1"):
        swap_posteriors(np.array([0]), np.array([0]), np.array([True]), skills, candidates=1)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_posteriors_do_not_depend_on_the_order_of_votes(data: st.DataObject) -> None:
    seed, count = data.draw(st.integers(0, 999)), data.draw(st.integers(1, 60))
    rng = np.random.default_rng(seed)
    candidate, inspector = rng.integers(0, 5, count), rng.integers(0, 4, count)
    said, truth = rng.random(count) < 0.5, rng.random(count) < 0.5
    order = np.array(data.draw(st.permutations(range(count))))
    skills = learn_skills(inspector, said, truth, inspectors=4)
    shuffled = learn_skills(inspector[order], said[order], truth[order], inspectors=4)
    posterior = swap_posteriors(candidate, inspector, said, skills, candidates=5)
    again = swap_posteriors(candidate[order], inspector[order], said[order], shuffled, candidates=5)
    assert (posterior == again).all()
    assert ((posterior >= 0) & (posterior <= 1)).all()
