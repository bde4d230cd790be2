"""Figures by bins of a property."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.core.evaluate.subgroups import by_subgroup, subgroup_figures
from lensapp.services.evaluate.figure_tables import subgroup_table
from lensapp.services.evaluate.subgroups import LensTrend
from lensapp.ui.evaluate.subgroup_view import fewer_bins, trend_in_words
from lensapp.ui.evaluate.survey_figures import subgroup_figure


def table(count=600):
    rng = np.random.default_rng(1)
    labels = rng.random(count) < 0.4
    magnitude = rng.uniform(17, 22, count)
    return labels, 1 / (1 + np.exp(-rng.normal((22 - magnitude) * labels - 1, 1))), magnitude


def test_each_bin_has_the_completeness_and_area_of_its_own_cutouts():
    labels, scores, magnitude = table()
    groups = by_subgroup(labels, scores, magnitude, threshold=0.5, edges=[17, 19, 22])
    assert [group.name for group in groups] == ["17 – 19", "19 – 22"]
    for group, inside in zip(groups, (magnitude < 19, magnitude >= 19), strict=True):
        assert (group.n_positive, group.n_negative) == ((labels & inside).sum(), (~labels & inside).sum())
        assert group.completeness is not None
        assert group.completeness.value == pytest.approx((scores[labels & inside] >= 0.5).mean())
        assert group.auroc is not None
        assert group.auroc.value == pytest.approx(roc_auc_score(labels[inside], scores[inside]))


def test_bins_hold_equal_numbers_of_lenses_and_every_cutout_falls_into_one():
    labels, scores, magnitude = table()
    groups = by_subgroup(labels, scores, magnitude, threshold=0.5, bins=4)
    assert sum(group.n_positive + group.n_negative for group in groups) == len(labels)
    numbers = [group.n_positive for group in groups]
    assert max(numbers) - min(numbers) <= 1


@pytest.mark.parametrize(
    ("p_value", "words"),
    [(0.0496, "can be chance"), (0.01, "**rise** with magnitude (Spearman ρ\u00a0=\u00a00.80")],
)
def test_of_few_lenses_it_is_said_how_many_are_lost_and_whether_scores_go_with_a_column(p_value, words):
    scores = np.array([0.1, 0.2, 0.6, 0.9, 0.3])
    trend = LensTrend(np.arange(5.0), scores, np.arange(5) < 4, 0.8, p_value)
    said = trend_in_words(trend, by="magnitude", threshold=0.5)
    assert said.startswith("With 4 lenses")
    assert "**2 of 4** are lost at score ≥ 0.5" in said
    assert words in said


def of_lenses(values, **options):
    """Figures of lenses with these values, beside one non-lens that has none."""
    labels, scores = np.array([*[True] * len(values), False]), np.array([*[0.6] * len(values), 0.1])
    return by_subgroup(labels, scores, np.array([*values, np.nan]), threshold=0.5, **options)


def test_limits_that_are_written_alike_make_one_bin():
    """Many cutouts painted on one host share its magnitude, but for rounding."""
    magnitude = [18.79, *[19.4899] * 10, *[19.4901] * 10, 20.3, 21.0, 21.5, 22.0]
    assert [one.name for one in of_lenses(magnitude)] == ["18.79 – 19.49", "19.49 – 22"]
    assert [(one.name, one.n_positive) for one in of_lenses([0.0] * 25)] == [("0", 25)]
    ends = of_lenses([19.0, *[19.4899] * 10, 19.4901], bins=4)
    assert [(one.name, one.n_positive) for one in ends] == [("19 – 19.49", 12)]
    narrow = of_lenses([150.001, 150.002, 150.008, 150.009], bins=2)
    assert [one.name for one in narrow] == ["150.001 – 150.005", "150.005 – 150.009"]


def test_limits_of_shares_count_an_object_once():
    """Forty lenses on four hosts, all of two hosts found: two of four, not twenty of forty."""
    labels, hosts = np.array([*[True] * 40, False]), np.array([*np.repeat(np.arange(4), 10), 9])
    scores, bright = np.where(hosts < 2, 0.9, 0.1), np.array([*np.linspace(18, 20, 40), np.nan])
    alone, together, single = (
        by_subgroup(labels, scores, bright, threshold=0.5, bins=1, objects=objects)[0].completeness
        for objects in (None, hosts, np.arange(41))
    )
    assert alone == single
    assert (alone.low, alone.high) == pytest.approx(wilson_interval(20, 40))
    low, high = wilson_interval(2, 4)
    assert together.low <= low
    assert together.high >= high


def test_limits_of_the_area_count_an_object_once():
    """Each cutout twice: as two objects limits are too narrow, as one they are those of single cutouts."""
    labels, scores, bright = table(60)
    twice = [np.repeat(one, 2) for one in (labels, scores, bright)]
    [single], [apart], [together] = (
        by_subgroup(*columns, threshold=0.5, bins=1, objects=objects)
        for columns, objects in (
            ((labels, scores, bright), None), (twice, np.arange(120)), (twice, np.repeat(np.arange(60), 2)),
        )
    )  # fmt: skip
    assert (together.auroc.low, together.auroc.high) == pytest.approx((single.auroc.low, single.auroc.high))
    assert apart.auroc.high - apart.auroc.low < 0.75 * (single.auroc.high - single.auroc.low)


def test_limits_of_the_area_hold_the_true_one_as_often_as_they_say_where_objects_repeat():
    rng, objects = np.random.default_rng(4), np.repeat(np.arange(60), 5)
    labels, held = objects < 20, {"together": 0, "apart": 0}
    for _ in range(200):
        own = rng.normal(size=60)[objects]  # what the cutouts of an object share
        scores = labels * 1.0 + own * np.sqrt(0.8) + rng.normal(0, np.sqrt(0.2), 300)
        for name, units in (("together", objects), ("apart", None)):
            [one] = by_subgroup(labels, scores, np.ones(300), threshold=0.5, bins=1, objects=units)
            held[name] += one.auroc.low < norm.cdf(1 / np.sqrt(2)) < one.auroc.high
    assert 0.90 <= held["together"] / 200 <= 0.99
    assert held["apart"] / 200 < 0.75


def test_a_property_of_lenses_only_is_measured_against_all_non_lenses():
    labels, scores, _ = table()
    radius = np.where(labels, np.random.default_rng(2).uniform(0.5, 2.5, len(labels)), np.nan)
    groups = by_subgroup(labels, scores, radius, threshold=0.5, bins=3)
    assert all(group.n_negative == 0 and group.false_positive_rate is None for group in groups)
    first = labels & (radius <= groups[0].high) | ~labels
    assert groups[0].auroc is not None
    assert groups[0].auroc.value == pytest.approx(roc_auc_score(labels[first], scores[first]), abs=0.01)


def test_names_are_subgroups_and_what_has_none_is_left_out():
    labels, scores, _ = table(40)
    fields = np.array(["EDF-N", "EDF-S", None, ""] * 10, object)
    groups = by_subgroup(labels, scores, fields, threshold=0.5)
    assert [group.name for group in groups] == ["EDF-N", "EDF-S"]
    assert sum(group.n_positive + group.n_negative for group in groups) == 20


def test_a_property_that_nobody_has_is_refused():
    labels, scores, _ = table(40)
    with pytest.raises(InvalidInput, match="No cutout has a value"):
        by_subgroup(labels, scores, np.full(40, np.nan), threshold=0.5)


def test_all_figures_of_a_bin_are_those_of_its_own_cutouts_with_limits():
    labels, scores, magnitude = table(3000)
    told = subgroup_figures(labels, scores, magnitude, rng=np.random.default_rng(0), edges=[17, 19, 22])
    for figures, inside in zip(told, (magnitude < 19, magnitude >= 19), strict=True):
        precision = figures["average_precision"]
        assert precision.value == pytest.approx(average_precision_score(labels[inside], scores[inside]))
        assert precision.low < precision.value < precision.high
        best = scores[inside & ~labels].max()
        assert figures["tpr0"].value == pytest.approx((scores[labels & inside] > best).mean())
        assert "recall_fpr_1e-2" in figures
        assert "recall_fpr_1e-4" not in figures  # some 700 non-lenses cannot tell it


def test_subgroups_of_few_non_lenses_have_a_dash_for_tpr0_and_tpr10():
    fields = np.repeat(["two", "ten", "many"], [22, 30, 60])
    labels = np.concatenate([np.arange(n) < 20 for n in (22, 30, 60)])
    scores = np.where(labels, 0.9, 0.1)
    counted = by_subgroup(labels, scores, fields, threshold=0.5)
    told = subgroup_figures(labels, scores, fields, rng=np.random.default_rng(0))
    table = subgroup_table([replace(one, figures=of) for one, of in zip(counted, told, strict=True)])
    rows = table.set_index("subgroup")
    assert [*rows["non-lenses"]] == [40, 10, 2]
    for name in ("TPR0", "TPR10"):
        assert [*rows[name][["ten", "two"]]] == ["–", "–"]
        assert rows[name]["many"].startswith("1.000 (0.")
    assert "–" not in [*rows["average precision"]]


def test_each_figure_has_a_panel_and_the_numbers_of_cutouts_the_last():
    labels, scores, magnitude = table(600)
    counted = by_subgroup(labels, scores, magnitude, threshold=0.5, bins=3)
    told = subgroup_figures(labels, scores, magnitude, rng=np.random.default_rng(0), bins=3)
    groups = [replace(one, figures=figures) for one, figures in zip(counted, told, strict=True)]
    drawn = subgroup_figure(groups, by="redshift", colours={"lens": "#000000", "nonlens": "#ffffff"})
    titles = [note.text for note in drawn.layout.annotations]
    assert titles[:3] == ["lenses accepted", "non-lenses accepted", "AUROC"]
    assert titles[-1].startswith("cutouts: ")
    assert len(drawn.data) == len(titles) + 1
    assert list(drawn.data[2].y) == [one.auroc.value for one in counted]
    axes = list(drawn.select_xaxes())
    assert {axis.range for axis in axes} == {(-0.5, 2.5)}, "one axis of all bins in every panel"
    assert {axis.categoryarray for axis in axes} == {tuple(one.name for one in groups)}
    assert [list(one.y) for one in drawn.data[-2:]] == [
        [one.n_positive for one in counted],
        [one.n_negative for one in counted],
    ]


def test_fewer_bins_than_asked_for_are_explained() -> None:
    values = np.array([1.0, 1.0, 1.0, 1.0, 2.0, 2.0])
    labels, scores = np.array([1, 1, 1, 1, 1, 0]), np.array([0.9, 0.4, 0.8, 0.7, 0.1, 0.6])
    groups = by_subgroup(labels, scores, values, threshold=0.5, bins=5)
    assert len(groups) < 5
    assert fewer_bins(groups, 5).startswith(f"{len(groups)} bin")
    assert "too many lenses share a value" in fewer_bins(groups, 5)
    assert fewer_bins(groups, len(groups)) == ""
    named = by_subgroup(labels, scores, np.array(["a", "a", "b", "b", "a", "b"]), threshold=0.5)
    assert fewer_bins(named, 5) == "", "names are no bins"
