"""One score per image file, read as an import reads it."""

import json

import numpy as np
import pytest
from astropy.io import fits

from lensapp.cli import main
from lensapp.core.errors import BandMismatch, InvalidInput, NotFound, UnitMismatch
from lensapp.learning.score.predict import expected_input, predict_rows
from lensapp.learning.score.scorers import TrainedNetwork
from lensapp.services.evaluate.single_images import read_single_images
from support.cutout_files import header
from support.scoring_workspace import Trained, train_tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Trained:
    return train_tiny(tmp_path_factory.mktemp("predict") / "workspace")


def test_a_fits_cube_gets_the_score_of_the_packed_cutout(trained, tmp_path):
    pixels = trained.pixels().read(np.array([3]))
    # Counts of ten times the exposure, as their header says; the network reads AB zero point 27.
    path = write_cube(tmp_path / "one.fits", pixels[0] * 10, MAGZERO=29.5)
    (image,) = read_single_images([path], expected_input(trained.folder))
    np.testing.assert_allclose(image.pixels, pixels[0], rtol=1e-6)
    assert image.warnings == ()
    expected = TrainedNetwork.open(trained.folder).score(pixels)
    (row,) = predict_rows(trained.folder, [image.pixels])
    assert row == {"score": pytest.approx(expected[0], abs=1e-6)}


def write_cube(path, pixels, **cards):
    fits.PrimaryHDU(np.moveaxis(pixels, -1, 0), header(**cards)).writeto(path)
    return path


def test_a_file_of_unknown_unit_is_refused_unless_that_is_allowed(trained, tmp_path, capsys):
    pixels = trained.pixels().read(np.array([3]))[0]
    path = write_cube(tmp_path / "one.fits", pixels)
    with pytest.raises(UnitMismatch, match=r"one\.fits: The unit of flux of these cutouts is unknown"):
        read_single_images([path], expected_input(trained.folder))
    command = ["--workspace", str(trained.workspace.folder), "--json", "predict", "first", str(path)]
    assert main(command) == 2
    assert main([*command, "--allow-unknown-units"]) == 0
    captured = capsys.readouterr()
    expected = TrainedNetwork.open(trained.folder).score(pixels[None])
    assert json.loads(captured.out)[0]["score"] == pytest.approx(expected[0], abs=1e-6)
    assert "The unit of flux of these cutouts is unknown" in captured.err.splitlines()[-1]


def test_several_files_keep_their_order(trained, tmp_path):
    pixels = trained.pixels().read(np.array([3, 4, 5]))
    paths = [tmp_path / f"{name}.npy" for name in "cab"]
    for path, image in zip(paths, pixels, strict=True):
        np.save(path, np.nan_to_num(image))
    found = read_single_images(paths, expected_input(trained.folder), allow_unknown_units=True)
    assert [image.file for image in found] == [str(path) for path in paths]
    scores = [row["score"] for row in predict_rows(trained.folder, [image.pixels for image in found])]
    expected = TrainedNetwork.open(trained.folder).score(np.nan_to_num(pixels))
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-6)
    assert predict_rows(trained.folder, []) == []


def test_an_image_of_another_size_is_refused(trained, tmp_path):
    path = tmp_path / "large.npy"
    np.save(path, np.random.default_rng(0).normal(size=(9, 9, 2)).astype(np.float32))
    with pytest.raises(BandMismatch, match="8×8 pixels, but these have 9×9"):
        read_single_images([path], expected_input(trained.folder))


def test_commands_look_at_the_middle_of_a_larger_file_and_take_its_unit_as_stated(trained, tmp_path, capsys):
    pixels = np.nan_to_num(trained.pixels().read(np.array([3]))[0])
    framed = np.pad(pixels, ((2, 2), (2, 2), (0, 0)), constant_values=99.0)
    framed[:2, :2] = 98.0
    path = tmp_path / "large.npy"
    np.save(path, framed * np.float32(10))
    command = [
        "--workspace",
        str(trained.workspace.folder),
        "--json",
        "predict",
        "first",
        str(path),
        "--crop",
    ]
    assert main(command) == 2
    stated = ["--zero-point", "29.5", "--pixel-scale-arcsec", "0.2"]
    assert main([*command, *stated]) == 0
    captured = capsys.readouterr()
    expected = TrainedNetwork.open(trained.folder).score(pixels[None])
    assert json.loads(captured.out)[0]["score"] == pytest.approx(expected[0], abs=1e-6)
    assert "sees the central 8×8 pixels of these cutouts of 12×12" in captured.err
    few = ["--perturbations", "100", "--gradients", "no"]
    assert main([*command[:3], "explain", "first", str(path), *stated, *few]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == pytest.approx(expected[0], abs=1e-6)


def test_an_image_with_another_number_of_bands_is_refused(trained, tmp_path):
    path = tmp_path / "three.npy"
    np.save(path, np.random.default_rng(0).normal(size=(8, 8, 3)).astype(np.float32))
    with pytest.raises(InvalidInput, match="2 bands"):
        read_single_images([path], expected_input(trained.folder))
    with pytest.raises(BandMismatch, match=r"bands g, r, but these are of shape \(1, 8, 8, 3\)"):
        predict_rows(trained.folder, [np.zeros((8, 8, 3), np.float32)])


def test_an_absent_file_is_refused(trained, tmp_path):
    with pytest.raises(InvalidInput, match=r"none\.fits"):
        read_single_images([tmp_path / "none.fits"], expected_input(trained.folder))


def test_an_empty_image_is_refused_with_the_reason(trained, tmp_path):
    path = tmp_path / "zero.npy"
    np.save(path, np.zeros((8, 8, 2), np.float32))
    with pytest.raises(InvalidInput, match=r"zero"):
        read_single_images([path], expected_input(trained.folder))


def test_a_run_without_network_is_refused(tmp_path):
    with pytest.raises(NotFound, match="trained network"):
        expected_input(tmp_path)
