"""The whole way: lenses painted and scored by a job, blind tests graded, and what network and people find."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from lensapp.cli import main
from lensapp.core.config import write_json
from lensapp.core.evaluate.selection_function import InjectionSpec, SelectionFunction, nearest_cells
from lensapp.core.progress import ignore_progress, never_stop
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import FittedTask, Head, save_task
from lensapp.handlers import measure_completeness
from lensapp.services.evaluate.completeness import injections_outdated, load_injections
from lensapp.services.inspect.joint_completeness import painted_tests
from lensapp.services.inspect.queues import create_review
from lensapp.storage import runs, sources
from lensapp.storage.cutouts import read_cutouts
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from support.blind_reviews import BLIND, grade
from support.scoring_workspace import date_anew, train_further
from support.small_networks import SMALL
from support.small_surveys import red_galaxies, run_trained_on

BANDS, SIZE, COUNT, SCALE, ZERO_POINT = ("g", "r", "i"), 48, 60, 0.25, 26.0
GRID = {"theta_e_arcsec": [0.9, 1.8], "arc_snr": [15, 60], "per_cell": 5, "choice": {"smallest_size": 0.5}}
Pixels = NDArray[np.float32]


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "ws"))
    return Workspace.open(tmp_path / "ws")


@pytest.fixture
def source(ws: Workspace) -> Source:
    return red_galaxies(ws, zero_point=ZERO_POINT, noise=0.1)


@pytest.fixture
def run(ws: Workspace, source: Source) -> Run:
    """An untrained network with a normalisation in flux of AB zero point 27."""
    import keras

    from models.registry import build

    made = run_trained_on(ws, source)
    folder = ws.run_folder("first")
    folder.mkdir(parents=True)
    keras.utils.set_random_seed(3)
    network = build("elu_cnn", input_shape=(SIZE, SIZE, 3), head=Head(), spec=SMALL["elu_cnn"])
    network.save(folder / "best.keras")
    fitted = FittedNormalisation(
        kind="asinh", softening=3.0, centre=(0, 0, 0), scale=(0.3, 0.3, 0.3), gain=(0.3, 0.3, 0.3),
        bands=BANDS, size=(SIZE, SIZE), pixel_scale_arcsec=SCALE, unit="flux", zero_point_mag=27.0,
    )  # fmt: skip
    write_json(folder / "normalisation.json", fitted.saved())
    save_task(folder, FittedTask.parse({"kind": "binary"}))
    return made


def scores_by_keras(ws: Workspace, pixels: Pixels) -> NDArray[np.float32]:
    """Scores of cutouts in flux of AB magnitude 25, which the network reads in units of magnitude 27."""
    import keras

    network = keras.saving.load_model(ws.run_folder("first") / "best.keras", compile=False)
    fitted = runs.normalisation_of(ws, "first")
    return network.predict(fitted.apply(pixels * np.float32(10**0.8)), verbose=0)[:, -1]


def test_painted_scored_and_graded_lenses_give_the_completeness_of_network_people_and_both(
    ws: Workspace, source: Source, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = BLIND.replaced(limit=40, calibrators=0.5, dud_share=0.2, repeats=0.0, smallest_radius_arcsec=0.6)
    review = create_review(ws, name="blind", source_name="sky", spec=spec)
    outcome = measure_completeness(
        ws, run_name="first", source_name="sky", spec=InjectionSpec.parse(GRID | {"seeing_bins": 2}),
        report=ignore_progress, should_stop=never_stop, processes=1,
    )  # fmt: skip
    assert outcome == {"run": "first", "source": "sky", "injected": 2 * 2 * 2 * 5, "tests": 16}
    stored, tests = load_injections(ws, "first", "sky"), painted_tests(ws, source)
    assert min(test.truth["einstein_radius_arcsec"] for test in tests) < 0.9
    # Blind tests are stored in calibrated flux, whatever the unit of the source.
    of_tests = scores_by_keras(ws, read_cutouts(ws, [test.cutout_id for test in tests]))
    np.testing.assert_allclose(stored.test_scores, of_tests, atol=1e-5)
    assert np.ptp(stored.scores) > 0
    date_anew(ws.run_folder("first"))  # as a copy of the workspace
    assert not injections_outdated(ws, run, stored)
    threshold = float(np.median(stored.test_scores))
    seen = [test.cutout_id for test in tests if test.truth["arc_snr"] > 30]
    for inspector in ("Ada", "Grace"):
        grade(ws, review, inspector, {one.cutout_id: "A" if one.cutout_id in seen else "X" for one in tests})
    out = tmp_path / "function.fits"
    command = ["--workspace", str(ws.folder), "completeness", "first", "sky", "--stored", "--json"]
    assert main([*command, "--threshold", str(threshold), "--out", str(out)]) == 0
    answer = json.loads(capsys.readouterr().out)
    inside = [
        place
        for place, test in enumerate(tests)
        if nearest_cells(test.truth["einstein_radius_arcsec"], [0.9, 1.8]) >= 0
        and nearest_cells(test.truth["arc_snr"], [15, 60]) >= 0
    ]
    accepted = [place for place in inside if stored.test_scores[place] >= threshold]
    both = [place for place in accepted if tests[place].cutout_id in seen]
    found = {
        kind: round(answer[kind]["completeness"] * answer[kind]["number"]) for kind in ("human", "joint")
    }
    assert answer["human"]["number"] == answer["joint"]["number"] == len(inside) > 8
    assert found == {"human": sum(tests[place].cutout_id in seen for place in inside), "joint": len(both)}
    # Each test counts at the seeing of the galaxy that it is painted on.
    seeings = {one.id: one.properties["seeing_arcsec"] for one in sources.get_cutouts(
        ws.database, [int(test.truth["host"]) for test in tests])}  # fmt: skip
    wide = sum(seeings[int(tests[place].truth["host"])] == 2.0 for place in inside)
    assert sum(cell["number"] for cell in answer["human"]["cells"] if cell["seeing"] == 2.0) == wide
    with fits.open(out) as file:
        file.verify("exception")
        assert [hdu.name for hdu in file[1:]] == ["NETWORK", "HUMAN", "JOINT"]
        cell = file["NETWORK"].data[0]
    network = SelectionFunction.from_fits(out)
    assert network(cell["theta_E"], cell["snr"], cell["seeing"]) == pytest.approx(cell["completeness"])
    assert SelectionFunction.from_fits(out, kind="JOINT").number.sum() == len(inside)
    train_further(ws.run_folder("first"))
    assert injections_outdated(ws, run, stored)
