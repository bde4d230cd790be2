"""Tasks: targets follow turned cutouts, figures follow their definitions, settings that clash are refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from lensapp.core.config import merged
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.estimation import calibration, measure_estimates, recovered_bands
from lensapp.core.evaluate.multiclass import measure_classes
from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.presets import find_preset
from lensapp.core.train.target_geometry import geometry_of, require_pixel_scale
from lensapp.core.train.tasks import (
    LENS_PARAMETERS,
    BinaryTask,
    ClassTask,
    FittedTask,
    RegressionTask,
    combine_estimates,
    fit_task,
    merged_names,
)
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.augmentation import Motions, augment, move, reorient
from lensapp.simulation.observing import Camera, typical_conditions
from lensapp.simulation.survey import DemoSpec, simulate
from lensapp.storage.targets import class_names

SIZE = 61
SCALE = 0.2
AXIS = (np.arange(SIZE) - SIZE // 2) * SCALE
GEOMETRY = geometry_of(LENS_PARAMETERS, pixel_scale_arcsec=SCALE)
small = settings(max_examples=12, deadline=None)
shapes = st.tuples(*[st.floats(-0.3, 0.3)] * 2, *[st.floats(-0.8, 0.8)] * 2)


def galaxy(targets: np.ndarray) -> np.ndarray:
    """A gaussian whose size, ellipticity and position are the targets: image (1, y, x, 1)."""
    size, e1, e2, x0, y0 = targets.astype(float)
    flattening, angle = np.hypot(e1, e2), np.arctan2(e2, e1) / 2
    ratio = (1 - flattening) / (1 + flattening)
    x, y = AXIS[None, :] - x0, AXIS[:, None] - y0
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    light = np.exp(-0.5 * (along**2 * ratio + across**2 / ratio) / size**2)
    return light[None, :, :, None].astype(np.float32)


def measured(image: np.ndarray) -> np.ndarray:
    """The targets of a gaussian from its moments."""
    light = image[0, :, :, 0].astype(float)
    light = light / light.sum()
    x0, y0 = (light * AXIS[None, :]).sum(), (light * AXIS[:, None]).sum()
    dx, dy = AXIS[None, :] - x0, AXIS[:, None] - y0
    xx, yy, xy = ((light * term).sum() for term in (dx * dx, dy * dy, dx * dy))
    root = np.sqrt(xx * yy - xy**2)
    e = np.array([xx - yy, 2 * xy]) / (xx + yy + 2 * root)
    return np.array([np.sqrt(root), *e, x0, y0])


@small
@given(shapes, st.integers(0, 7))
def test_targets_of_a_turned_cutout_are_those_of_the_turned_galaxy(shape, code):
    targets = np.array([[0.8, *shape]], np.float32)
    codes = np.array([code])
    received = measured(reorient(galaxy(targets[0]), codes))
    np.testing.assert_allclose(received, GEOMETRY.turned(targets, codes)[0], atol=6e-3)


@small
@given(shapes, st.floats(-np.pi, np.pi), st.floats(0.85, 1.15), st.floats(-2, 2), st.floats(-2, 2))
def test_targets_of_a_moved_cutout_are_those_of_the_moved_galaxy(shape, angle, zoom, rows, columns):
    targets = np.array([[0.8, *shape]], np.float32)
    motions = Motions(np.array([angle]), np.array([zoom]), np.array([[rows, columns]]))
    received = measured(move(galaxy(targets[0]), motions, fill="zero"))
    expected = GEOMETRY.moved(targets, **motions._asdict())[0]
    np.testing.assert_allclose(received, expected, atol=0.03)


def test_random_changes_of_a_batch_keep_pixels_and_targets_together():
    rng = np.random.default_rng(1)
    shapes_drawn = rng.uniform(-0.2, 0.2, (12, 4))
    targets = np.column_stack([np.full(12, 0.8), shapes_drawn]).astype(np.float32)
    pixels = np.concatenate([galaxy(row) for row in targets])
    spec = AugmentationSpec(rotation_deg=180, shift_pixels=1, zoom_min=0.9, zoom_max=1.1)
    changed, follow = augment(pixels, targets, spec, rng, geometry=GEOMETRY)
    received = np.array([measured(image[None]) for image in changed])
    np.testing.assert_allclose(received, follow, atol=0.03)
    assert np.abs(follow - targets).max() > 0.1


def test_positions_cannot_follow_shifts_by_pixels_of_unknown_size():
    with pytest.raises(InvalidInput, match=r"lens_x_arcsec.*Set augmentation\.shift_pixels to 0"):
        require_pixel_scale(geometry_of(LENS_PARAMETERS))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"monitor": "val_auc"}, "set Monitor to val_loss"),
        ({"class_weights": "balanced"}, "set Class weights to none"),
        ({"task": {"kind": "regression", "targets": ["ellipticity_e1"]}}, "ellipticity_e1 cannot follow"),
        (
            {"task": {"kind": "regression", "targets": ["redshift"]}, "augmentation": {"zoom_min": 0.9}},
            "how redshift changes with the size",
        ),
    ],
)
def test_settings_that_would_make_values_untrue_are_refused(changes, reason):
    with pytest.raises(InvalidInput, match=reason):
        TrainingSpec.parse({"task": {"kind": "regression"}} | changes)


def test_another_kind_replaces_the_nested_settings_of_a_recipe():
    base = find_preset("S3-parameters").spec.saved()
    changed = merged(base, {"task": {"kind": "classes"}, "augmentation": {"d4": False}})
    spec = TrainingSpec.parse(changed)
    assert spec.task == ClassTask()
    assert spec.augmentation.rotation_deg == base["augmentation"]["rotation_deg"]


@small
@given(st.integers(2, 5), st.integers(0, 2**31))
def test_class_figures_are_those_of_scikit_learn(count, seed):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(count), rng.integers(count, size=60)])
    chances = rng.dirichlet(np.ones(count), len(labels)).round(2) + 1e-3  # with ties
    figures = measure_classes(labels, chances, classes=tuple("abcde"[:count]))
    assert figures.accuracy == pytest.approx(reference.accuracy_score(labels, chances.argmax(1)), abs=1e-12)
    balanced = reference.balanced_accuracy_score(labels, chances.argmax(1))
    assert figures.balanced_accuracy == pytest.approx(balanced, abs=1e-12)
    np.testing.assert_array_equal(
        figures.confusion, reference.confusion_matrix(labels, chances.argmax(1), labels=range(count))
    )
    for place, one in enumerate(figures.classes):
        truth, scores = labels == place, chances[:, place]
        assert one.auroc == pytest.approx(reference.roc_auc_score(truth, scores), abs=1e-12)
        area = reference.average_precision_score(truth, scores)
        assert one.average_precision == pytest.approx(area, abs=1e-12)
    assert figures.macro_auroc == pytest.approx(np.mean([one.auroc for one in figures.classes]))


def test_a_class_that_is_absent_has_no_area():
    figures = measure_classes([0, 1], [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], classes=("a", "b", "c"))
    assert (figures.classes[2].auroc, figures.classes[2].completeness, figures.balanced_accuracy) == (
        None,
        None,
        1.0,
    )
    with pytest.raises(InvalidInput, match="probabilities of 2 classes"):
        measure_classes([0, 1], [[0.5], [0.5]], classes=("a", "b"))


def test_true_uncertainties_cover_what_they_claim_and_errors_are_percentiles():
    rng = np.random.default_rng(3)
    truth = rng.normal(2.0, 1.0, (20_000, 2))
    sigma = np.tile([0.1, 0.3], (20_000, 1))
    mean = truth + rng.normal(size=truth.shape) * sigma
    figures = measure_estimates(truth, mean, sigma, targets=("a", "b"))
    for one, width in zip(figures.targets, (0.1, 0.3), strict=True):
        assert one.coverage_68 == pytest.approx(0.68, abs=0.01)
        assert one.coverage_95 == pytest.approx(0.95, abs=0.01)
        assert one.half_width_68 == pytest.approx(0.9945 * width, rel=0.03)
        assert one.absolute_68 == pytest.approx(0.9945 * width, rel=0.03)
        assert one.nll == pytest.approx(np.log(width) + 0.5 + 0.5 * np.log(2 * np.pi), abs=0.03)
    np.testing.assert_allclose(calibration(truth, mean, sigma)[:, 0], np.linspace(0.05, 0.95, 19), atol=0.02)
    bands = recovered_bands(truth[:, 1], mean[:, 1], bins=50)
    inside = (bands["low_95"] < bands["truth"]) & (bands["truth"] < bands["high_95"])
    assert inside.all()
    shifted = measure_estimates(truth, mean + 1.0, sigma, targets=("a", "b")).targets[0]
    assert shifted.bias == pytest.approx(1.0, abs=0.01)
    assert shifted.half_width_68 < 0.11
    assert shifted.absolute_68 > 0.9


def test_uncertainties_must_be_positive():
    with pytest.raises(InvalidInput, match="positive uncertainties"):
        measure_estimates([[1.0]], [[1.0]], [[0.0]], targets=("a",))


def test_combined_estimates_are_those_of_the_mixture():
    rng = np.random.default_rng(0)
    means, sigmas = rng.normal(size=(3, 1, 1)), rng.uniform(0.1, 1, (3, 1, 1))
    mean, sigma = combine_estimates(means, sigmas)
    drawn = rng.normal(means[:, 0], sigmas[:, 0], (3, 200_000))
    assert mean[0, 0] == pytest.approx(drawn.mean(), abs=0.01)
    assert sigma[0, 0] == pytest.approx(drawn.std(), abs=0.01)
    assert combine_estimates(means, sigmas, centre="median")[0] == np.median(means)
    mean, sigma = combine_estimates([[[1.0]], [[4.0]]], [[[1.0]], [[2.0]]], centre="weighted")
    assert (mean[0, 0], sigma[0, 0]) == (pytest.approx(1.6), pytest.approx(np.sqrt(1.6 + 1.44)))


def test_estimates_come_back_in_the_units_of_the_targets():
    values = np.random.default_rng(2).normal([1.5, -0.1], [0.4, 0.02], (50, 2))
    task = fit_task(RegressionTask(targets=("a", "b")), classes=(), labels=values)
    standardised = task.standardised(values)
    np.testing.assert_allclose(standardised.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(standardised.std(0), 1, atol=1e-5)
    outputs = np.concatenate([standardised, np.full((50, 2), -2.0)], axis=1)
    mean, sigma = task.estimates(outputs)
    np.testing.assert_allclose(mean, values, atol=1e-6)
    np.testing.assert_allclose(sigma[0], np.exp(-1) * values.std(0))
    np.testing.assert_allclose(task.outputs_of(mean, sigma), outputs, atol=1e-5)
    assert task.question() == RegressionTask(targets=("a", "b"))
    with pytest.raises(
        InvalidInput, match=r"estimates a, b and gives no score\. Choose a run with a binary or a class task"
    ):
        task.scores(outputs)


def test_a_score_is_the_summed_probability_of_the_positive_classes():
    task = fit_task(
        ClassTask(positive=("ring", "lens")), classes=("lens", "ring", "star"), labels=np.array([0, 1, 2])
    )
    assert task.head.outputs == 3
    np.testing.assert_allclose(task.scores(np.array([[0.5, 0.3, 0.2], [0.1, 0.0, 0.9]])), [0.8, 0.1])
    softmax = fit_task(BinaryTask(output="softmax"), classes=("nonlens", "lens"), labels=np.array([0, 1]))
    np.testing.assert_allclose(softmax.scores(np.array([[0.25, 0.75]])), [0.75])
    assert FittedTask().head.outputs == 1


@pytest.mark.parametrize(
    ("task", "classes", "labels", "reason"),
    [
        (ClassTask(), ("lens",), [0, 0], "at least two classes"),
        (ClassTask(), ("lens", "star"), [1, 1], "0 lens, 2 star"),
        (ClassTask(), ("ring", "star"), [0, 1], "Set task.positive"),
        (RegressionTask(targets=("a",)), (), [[1.0], [1.0]], "All 2 training cutouts have the same a"),
    ],
)
def test_what_cannot_be_learned_is_named(task, classes, labels, reason):
    with pytest.raises(InvalidInput, match=reason):
        fit_task(task, classes=classes, labels=np.array(labels))


def test_votes_win_over_the_class_of_the_import():
    members = {
        "label": np.array(["lens", "nonlens", "nonlens", "lens", "nonlens"], object),
        "object_class": np.array(["quad", "ring", "lens", "ring", None], object),
        "label_from": np.array(["demo", "demo", "votes:r:a", "votes:r:a", "import"], object),
    }
    assert class_names(members, positive=("lens",)).tolist() == ["quad", "ring", "", "lens", "nonlens"]
    merged = class_names(members, positive=("arc",), merged=("arc=lens + quad",))
    assert merged.tolist() == ["arc", "ring", "", "arc", "nonlens"]


def test_merged_classes_are_named_once_each():
    task = ClassTask(merged=("disc=spiral+barred spiral", "round=E"))
    assert merged_names(task.merged) == {"spiral": "disc", "barred spiral": "disc", "E": "round"}
    fitted = fit_task(task.replaced(positive=("disc",)), classes=("disc", "round"), labels=np.array([0, 1]))
    assert fitted.question().merged == task.merged
    for wrong, reason in (("disc", "write NEW=A"), ("disc=a+", "write NEW=A")):
        with pytest.raises(InvalidInput, match=reason):
            ClassTask.parse({"merged": [wrong]})
    with pytest.raises(InvalidInput, match="cannot become both disc and round"):
        ClassTask.parse({"merged": ["disc=a", "round=a"]})


def test_the_camera_moves_light_by_the_pointing_offsets_that_the_truth_names():
    bands = ("i",)
    pointing = replace(
        typical_conditions(1, bands), shift_x_pixels=np.array([0.6]), shift_y_pixels=np.array([-0.4])
    )
    light = np.zeros((1, 1, 36, 36), np.float32)
    light[:, :, 17:19, 17:19] = 1.0
    image = Camera(36, 6, bands, 0.25).exposed(light, pointing)[0, 0].astype(float)
    axis = np.arange(24) - 11.5
    assert (image.sum(0) * axis).sum() / image.sum() == pytest.approx(0.6, abs=0.02)
    assert (image.sum(1) * axis).sum() / image.sum() == pytest.approx(-0.4, abs=0.02)
    truth = simulate(DemoSpec(count=64, lens_fraction=1.0, size=24, bands=bands, seed=4)).truth
    offsets = np.array([[c.properties["lens_x_arcsec"], c.properties["lens_y_arcsec"]] for c in truth])
    assert offsets.std() == pytest.approx(0.5 * 0.25, rel=0.2)
