"""What parts of a dataset version are too small to measure."""

import numpy as np
import pytest

from lensapp.core.evaluate.intervals import largest_half_width, trials_for, wilson_interval
from lensapp.services.split.part_sizes import too_few, untold_rate
from lensapp.services.split.previews import apart_by_source


def counts(train: tuple[int, int], validation: tuple[int, int], test: tuple[int, int]):
    parts = zip(("train", "validation", "test"), (train, validation, test), strict=True)
    return {part: {"lens": lenses, "nonlens": nonlenses} for part, (lenses, nonlenses) in parts}


def test_the_largest_error_is_that_of_the_interval_about_a_half():
    low, high = wilson_interval(50, 100)
    assert largest_half_width(100) == pytest.approx((high - low) / 2)
    assert largest_half_width(7) == pytest.approx(1.96 / (2 * (7 + 1.96**2) ** 0.5), abs=1e-4)


@pytest.mark.parametrize(("error", "trials"), [(0.2, 21), (0.15, 39), (0.1, 93)])
def test_so_many_trials_and_no_fewer_make_an_error_small(error: float, trials: int):
    assert trials_for(error) == trials
    assert largest_half_width(trials) <= error < largest_half_width(trials - 1)


def test_seven_validation_lenses_are_told_with_what_they_cannot_tell_and_how_many_could():
    [said] = too_few(counts((43, 500), (7, 100), (25, 250)))
    assert said.startswith(
        "The validation part holds 7 lenses: completeness is known to ±\u202f0.30 at worst"
    )
    assert "39 lenses tell it to ±\u202f0.15" in said
    assert said.endswith("All parts together have 75: add labelled lenses.")  # 39 of these are more than half


def test_few_test_non_lenses_limit_the_false_positive_rate():
    [said] = too_few(counts((40, 800), (30, 120), (30, 40)))
    assert "The test part holds 40 non-lenses: no false positive rate below 0.025" in said
    assert said.endswith(
        "A rate of 0.01 takes 300 non-lenses. A part of 32 % would hold as many."
    )  # 300 of 960


def test_large_parts_parts_not_asked_for_and_absent_classes_are_not_told():
    assert too_few(counts((100, 900), (21, 100), (40, 300))) == ()
    assert too_few(counts((5, 900), (0, 0), (40, 300))) == ()  # without a validation part
    assert too_few(counts((50, 0), (10, 0), (10, 0))) == ()  # no non-lens at all is told by the preview


def test_lenses_of_one_source_and_non_lenses_of_another_are_warned_of():
    label = np.array(["lens", "lens", "nonlens"], object)
    [said] = apart_by_source(np.array(["a", "a", "b"], object), label)
    assert said.startswith("All lenses are from a, all non-lenses from b:")
    [said] = apart_by_source(np.array(["a", "a", "b"], object), label, painted={"b": 172})
    assert said.startswith(
        "All real lenses are from a, all non-lenses from b; the 172 painted lenses are from b: a network may"
    )
    assert apart_by_source(np.array(["a", "b", "b"], object), label) == ()
    assert apart_by_source(np.array(["a", "a"], object), label[:2]) == ()


def test_so_few_non_lenses_tell_no_low_rate_under_a_chart():
    assert untold_rate(13) == "13 non-lenses: no false positive rate below 0.077 can be told from 0"
    assert untold_rate(100) == ""
    assert untold_rate(0).endswith("cannot be measured")
