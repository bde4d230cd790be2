"""Shortcuts: what is planted beside the lenses is exposed under its name, and nothing where nothing is."""

import numpy as np
import pytest
from scipy.stats import norm

from lensapp.core.data.column_names import column_label
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.audits.shortcuts import (
    Measures,
    border_pixels,
    central_pixels,
    column_measures,
    find_shortcuts,
    noise_of,
    out_of_fold_scores,
    pixel_measures,
    position_measures,
)

COUNT, SIDE = 240, 32
LABELS = np.arange(COUNT) % 2 == 1


def galaxies(seed=1):
    """Sky noise with a round galaxy in the middle, alike in both classes."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    light = np.exp(-(x**2 + y**2) / 18)[None, ..., None] * rng.uniform(3, 12, (COUNT, 1, 1, 1))
    return (light + rng.normal(0, 1, (COUNT, SIDE, SIDE, 2))).astype(np.float32)


def audited(pixels, kinds=("central", "border", "background", "noise", "psf")):
    measured = pixel_measures(pixels, bands=("g", "r"), pixel_scale_arcsec=0.4, scale=noise_of(pixels))
    measured = {kind: measured[kind] for kind in kinds}
    found = find_shortcuts(measured, LABELS, groups=np.arange(COUNT), folds=4, seed=0)
    return {one.kind: one for one in found}


def test_classes_that_differ_in_nothing_are_told_by_nothing():
    found = audited(galaxies())
    assert list(found) == ["central", "border", "background", "noise", "psf"]
    assert all(one.low < 0.55 and one.auroc < 0.62 for one in found.values())


def test_a_mark_in_the_corner_is_exposed_by_border_pixels_and_not_by_central_ones():
    """Husky against wolf: the snow is behind the wolves."""
    pixels = galaxies()
    pixels[LABELS, :3, :3] += 2.0
    found = audited(pixels)
    assert found["border"].auroc > 0.97
    told = found["border"].as_dict(network={"auroc": 0.98, "low": 0.96, "high": 1.0})
    assert told["words"].startswith("Border pixels alone cannot be told from the network, AUROC ")
    assert found["central"].auroc < 0.62


def masked(lenses):
    lenses = lenses.copy()
    lenses[:, 0, :10, 1] = np.nan
    return lenses


def smoothed(lenses):
    """The noise as after resampling, of the same standard deviation."""
    return (lenses + np.roll(lenses, 1, axis=2)) / np.sqrt(2)


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("background", "g sky level over noise", lambda lenses: lenses + np.array([0.8, 0.0])),
        ("background", "share of masked pixels in r", masked),
        ("noise", "log noise of a pixel in r", lambda lenses: lenses * np.array([1.0, 1.3])),
        ("psf", "correlation of neighbouring g sky pixels", smoothed),
    ],
)
def test_what_differs_is_named(kind, name, change):
    pixels = galaxies()
    pixels[LABELS] = change(pixels[LABELS])
    shortcut = audited(pixels, kinds=(kind,))[kind]
    assert shortcut.auroc > 0.9
    assert name in [column for column, _ in shortcut.telling]
    assert column_label(name) in shortcut.as_dict()["words"]


def test_a_class_on_both_sides_of_the_other_is_told():
    rng = np.random.default_rng(2)
    values = np.where(
        LABELS, rng.normal(0, 0.2, COUNT), rng.choice([-1, 1], COUNT) + rng.normal(0, 0.2, COUNT)
    )
    scores = out_of_fold_scores(
        Measures(values[:, None], ("depth",)), LABELS, groups=np.arange(COUNT), folds=4, seed=0
    )
    assert (scores[LABELS][:, None] > scores[~LABELS]).mean() > 0.95


def test_the_area_of_two_normal_distributions_is_that_of_the_formula():
    rng = np.random.default_rng(3)
    labels = np.arange(800) % 2 == 1
    measures = Measures((rng.normal(0, 1, 800) + labels)[:, None], ("depth",))
    [found] = find_shortcuts({"noise": measures}, labels, groups=np.arange(800), folds=5, seed=0)
    assert found.low < norm.cdf(1 / np.sqrt(2)) < found.high  # one sigma apart, hand-worked


def test_an_object_seen_several_times_does_not_teach_its_own_answer():
    rng = np.random.default_rng(4)
    objects = np.repeat(np.arange(40), 6)
    labels = objects % 2 == 1
    measures = Measures(rng.normal(0, 1, (40, 300))[objects])  # a pattern for each object, none for the class
    alone = out_of_fold_scores(measures, labels, groups=np.arange(240), folds=5, seed=0)
    grouped = out_of_fold_scores(measures, labels, groups=objects, folds=5, seed=0)
    assert (alone[labels][:, None] > alone[~labels]).mean() > 0.95
    assert (grouped[labels][:, None] > grouped[~labels]).mean() < 0.7


def test_cells_are_means_of_the_pixels_that_they_cover():
    ramp = np.arange(64 * 64, dtype=np.float32).reshape(1, 64, 64, 1)
    centre = central_pixels(ramp, 0.125)  # 4 arcsec are 32 pixels, in 16 cells of 2
    assert centre.shape == (1, 16, 16, 1)
    assert centre[0, 0, 0, 0] == ramp[0, 16:18, 16:18, 0].mean()
    border = border_pixels(ramp)
    assert border.shape == (1, 32 * 32 - 24 * 24, 1)
    assert border[0, 0, 0] == ramp[0, :2, :2, 0].mean()
    assert border[0, -1, 0] == ramp[0, -2:, -2:, 0].mean()
    assert central_pixels(ramp[:, :9, :7], None).shape == (1, 6, 6, 1)


def test_columns_of_one_class_and_names_are_left_out_and_seeing_counts_as_psf():
    labels = np.arange(60) % 2 == 1
    columns = {
        "einstein_radius_arcsec": np.where(labels, 1.2, None),
        "name": np.array([f"J{k}" for k in range(60)], object),
        "seeing_arcsec": np.linspace(0.5, 1, 60).astype(object),
        "telescope": np.where(labels, "HST", "VST").astype(object),
        "depth": np.array([None, 1.0, 2.0] * 20, object),
    }
    measured, left_out = column_measures(columns, labels)
    assert left_out == ["einstein_radius_arcsec", "name"]
    assert measured["psf"].names == ("seeing_arcsec",)
    assert measured["columns"].names == ("telescope", "telescope", "depth")
    assert np.isnan(measured["columns"].values[::3, 2]).all()
    [psf, columns_found] = find_shortcuts(measured, labels, groups=np.arange(60), folds=5, seed=0)
    assert psf.high > 0.5
    assert (columns_found.auroc, columns_found.telling[0]) == (1.0, ("telescope", 1.0))


def test_fields_of_one_class_are_told_by_position_across_ra_0():
    rng = np.random.default_rng(5)
    ra = np.where(LABELS, rng.uniform(-1, 1, COUNT) % 360, rng.uniform(5, 7, COUNT))
    measures = position_measures(ra, rng.uniform(-1, 1, COUNT))
    assert measures is not None
    [found] = find_shortcuts({"position": measures}, LABELS, groups=np.arange(COUNT), folds=4, seed=0)
    assert found.auroc > 0.99
    assert position_measures(np.where(LABELS, np.nan, np.nan), ra) is None


def test_too_few_cutouts_are_refused():
    labels = np.arange(COUNT) < 10
    with pytest.raises(InvalidInput, match=r"10 lenses of 10 objects .* too few"):
        out_of_fold_scores(Measures(np.zeros((COUNT, 2))), labels, groups=np.arange(COUNT), folds=3, seed=0)
