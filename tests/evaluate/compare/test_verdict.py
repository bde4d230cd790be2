"""Which run is best, by how much, and whether chance would give as much, in words."""

from dataclasses import replace

import numpy as np
import pytest

from lensapp.core.evaluate.compare.overlap import Overlap
from lensapp.core.evaluate.resampling import REPEATS, p_value_of
from lensapp.services.evaluate.compare.side_by_side import laid_together
from lensapp.services.evaluate.compare.verdict import at_few_false_positives, holm, in_words, verdict
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.figure_tables import p_equals, p_text
from lensapp.storage.evaluations import StoredEvaluation
from lensapp.ui.evaluate.compare.overlap_view import two_in_words


def side_by_side(**noise: float):
    """Runs that see the same cutouts, 100 lenses and 300 non-lenses, through ever more noise."""
    rng = np.random.default_rng(4)
    labels = np.arange(400) % 4 == 0
    seen = rng.normal(0, 1, 400) + 2.0 * labels
    runs = []
    for name, sigma in noise.items():
        scores = 1 / (1 + np.exp(-(seen + rng.normal(0, sigma, 400))))
        stored = StoredEvaluation(np.arange(400), labels, scores.astype(np.float32)[:, None], {})
        runs.append(Evaluation(run=name, part="test", stored=stored, outdated=False))
    return laid_together(tuple(runs))


def test_holms_correction_is_that_of_the_worked_example():
    # 0.01, 0.02, 0.03 and 0.04 of four: times 4, 3, 2 and 1, none smaller than the one before
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.7, 0.6]) == [1.0, 1.0]


def test_the_better_of_two_runs_is_named_with_its_lead_whichever_comes_first():
    for compared in (side_by_side(sharp=0.1, blurred=3.0), side_by_side(blurred=3.0, sharp=0.1)):
        told = verdict(compared)
        assert told.runs == ("sharp", "blurred")
        assert told.differences[0].low > 0
        assert not told.alike
        text = in_words(told)
        assert text.startswith("sharp is better than blurred: AUROC 0.9")
        assert text.endswith("p\u00a0< 0.001.")
        first, second = (round(value, 4) for value in (told.differences[0].first, told.differences[0].second))
        assert f"AUROC {first:.4f} against {second:.4f}, a difference of {first - second:.4f} (" in text


def test_runs_that_chance_may_part_are_said_to_be_alike():
    told = verdict(side_by_side(one=0.3, other=0.3))
    assert told.alike == told.runs[1:]
    assert "cannot be told apart: AUROC" in in_words(told)


def test_a_difference_whose_p_is_written_as_a_twentieth_is_no_lead():
    compared = side_by_side(sharp=0.1, blurred=3.0)
    told = verdict(compared)
    just_above = replace(told, p_values=(0.0496,))
    assert just_above.alike == ("blurred",)
    assert in_words(just_above).startswith("sharp and blurred cannot be told apart")
    assert in_words(just_above).endswith("p\u00a0=\u00a00.050.")
    assert not replace(told, p_values=(0.0494,)).alike, "which is written 0.049"


def test_of_several_runs_those_like_the_best_are_named_and_the_others_counted():
    compared = side_by_side(a=0.2, b=0.2, c=0.2, d=0.2, e=0.2, bad=5.0, worse=8.0)
    told = verdict(compared)
    text = in_words(told, named=lambda run: f"<{run}>")
    assert set(told.alike) == {"a", "b", "c", "d", "e"} - {told.runs[0]}
    assert text.startswith(f"<{told.runs[0]}> has the highest AUROC, 0.9")
    assert "and 1 more (p ≥ 0.05 after Holm's correction for 6 comparisons)" in text
    assert text.endswith("It is better than the other 2.")
    alone = in_words(verdict(side_by_side(best=0.1, bad=5.0, worse=8.0)))
    assert alone.startswith("best is the best of 3; against bad, the next: AUROC")


def test_the_run_that_finds_most_lenses_without_false_positives_is_named_too():
    compared = side_by_side(sharp=0.1, blurred=3.0)
    text = at_few_false_positives(compared, verdict(compared))
    assert "no run finds more lenses than sharp: a share of 0." in text
    told = verdict(compared)
    turned = type(told)(told.figure, told.runs[::-1], told.differences, told.p_values)
    assert "(TPR10) sharp finds more lenses: 0." in at_few_false_positives(compared, turned)


def test_a_p_value_that_resamples_cannot_tell_smaller_is_written_as_a_limit() -> None:
    apart = np.full(REPEATS, 0.2)
    smallest = p_value_of(apart)
    assert p_equals(smallest) == "p\u00a0≤\u00a00.005"
    assert p_text(smallest) == "≤\u00a00.005"
    apart[0] = -0.1  # one resample says otherwise
    assert p_equals(p_value_of(apart)) == "p\u00a0=\u00a00.010"
    assert p_equals(2 * smallest, at_most=True) == "p\u00a0≤\u00a00.010", "corrected for two comparisons"
    assert p_equals(0.0002, at_most=True) == "p\u00a0< 0.001"


def test_what_two_runs_share_is_one_sentence() -> None:
    # Of five non-lenses the first run accepts 1, 2 and 3, the second 3 and 4: one of four is shared.
    overlap = Overlap(np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 0]], bool))
    assert two_in_words(overlap, ["a", "b"], what="non-lenses accepted") == (
        "Of 4 non-lenses accepted by either run **1** (25\u00a0%) is accepted by both, **2** only by a and "
        "**1** only by b."
    )
    none = Overlap(np.zeros((2, 5), bool))
    assert two_in_words(none, ["a", "b"], what="lenses missed") == "No lens is missed by a or b."
