"""A method of consensus says when the votes are too few for it, and is silent when they are enough."""

from types import SimpleNamespace

import numpy as np

from lensapp.core.inspect.consensus_doubts import why_doubtful
from lensapp.core.inspect.consensus_methods import ConsensusSpec, Training

MEAN, SWAP, DAWID_SKENE = (ConsensusSpec(method=name) for name in ("mean", "swap", "dawid_skene"))


def cast(inspector: str, cutout_id: int, grade: str) -> SimpleNamespace:
    return SimpleNamespace(
        client=f"tab-{inspector}", seq=cutout_id, cutout_id=cutout_id, inspector=inspector, grade=grade,
        value=None, voted_at=1.7e9, received_at=1.7e9,
    )  # fmt: skip


def agreeing(people: str, count: int) -> list[SimpleNamespace]:
    return [cast(name, key, "AX"[key % 2]) for name in people for key in range(count)]


def test_swap_says_that_votes_move_nothing_without_blind_tests() -> None:
    votes = agreeing("abc", 40)
    assert "move nothing" in why_doubtful(votes, SWAP, Training())
    assert "right in 80 % of cases" in why_doubtful(votes, SWAP.replaced(initial_skill=0.8), Training())
    of_another = Training([cast("z", 900, "A")], {900: True})
    assert "move nothing" in why_doubtful(votes, SWAP, of_another)
    assert not why_doubtful(votes, SWAP, Training([cast("a", 900, "A")], {900: True}))
    assert not why_doubtful([], SWAP, Training())
    assert not why_doubtful(votes, MEAN, Training())


def test_dawid_skene_asks_for_three_inspectors_shared_candidates_and_agreement() -> None:
    assert not why_doubtful(agreeing("abc", 30), DAWID_SKENE, Training())
    assert "2 inspectors voted (it takes 3)" in why_doubtful(agreeing("ab", 30), DAWID_SKENE, Training())
    few = why_doubtful(agreeing("abc", 29), DAWID_SKENE, Training())
    assert "two or more graded 29 candidates (it takes 30)" in few
    rng = np.random.default_rng(3)
    at_random = [cast(name, key, str(rng.choice(["A", "X"]))) for name in "abc" for key in range(60)]
    chance = why_doubtful(at_random, DAWID_SKENE, Training())
    assert "Krippendorff's α is " in chance
    assert "inspectors voted" not in chance


def test_blind_tests_tell_dawid_skene_what_few_votes_do_not() -> None:
    truth = {900 + key: key < 10 for key in range(20)}
    tests = [cast("a", key, "A" if lens else "X") for key, lens in truth.items()]
    assert not why_doubtful(agreeing("ab", 5), DAWID_SKENE, Training(tests, truth))
    assert why_doubtful(agreeing("ab", 5), DAWID_SKENE, Training(tests[1:], truth))
