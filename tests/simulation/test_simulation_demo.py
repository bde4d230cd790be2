"""A demo survey becomes a source: whole, resumable, with its truth."""

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest

from lensapp.core.errors import InvalidInput, JobCancelled, NotFound
from lensapp.core.progress import Progress
from lensapp.services.data.demo import simulate_survey, start_demo
from lensapp.simulation.survey import DemoSpec, simulate
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.workspace import Workspace

SPEC = DemoSpec(count=150, size=24, bands=("g", "i"), seed=3)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "workspace")


def stored_pixels(workspace: Workspace) -> np.ndarray:
    return PackedCutouts.open(workspace.cutouts_folder("demo")).read(np.arange(SPEC.count))


def test_demo_survey_in_two_processes_holds_what_was_simulated(workspace: Workspace) -> None:
    reports: list[Progress] = []
    result = simulate_survey(workspace, name="demo", spec=SPEC, report=reports.append, processes=2)
    assert (result["accepted"], result["lenses"], result["bands"]) == (150, 30, ["g", "i"])
    batch = simulate(SPEC)
    np.testing.assert_array_equal(stored_pixels(workspace), batch.pixels)
    source = sources.get_source(workspace.database, "demo")
    assert (source.state, source.pixel_scale_arcsec) == ("ready", 0.25)
    columns = sources.cutout_columns(workspace.database, [source.id])
    assert columns["label"].tolist() == [cutout.label for cutout in batch.truth]
    assert columns["parent"].tolist() == [cutout.parent for cutout in batch.truth]
    assert sorted(report["fraction"] for report in reports)[-1] == 1
    numbers = columns["id"][np.argsort(columns["row"])]
    assert (np.diff(numbers) > 0).all()  # the same order in every workspace, so that splits are the same


def test_counts_of_the_survey_are_worth_what_astropy_says_of_zero_point_27(workspace: Workspace) -> None:
    simulate_survey(workspace, name="demo", spec=SPEC, processes=1)
    calibrated = PackedCutouts.open(workspace.cutouts_folder("demo"), calibrated=True).read(np.arange(5))
    one_count, one_unit = ((mag * u.ABmag).to_value(u.Jy) for mag in (27.0, 25.0))
    assert calibrated == pytest.approx(
        stored_pixels(workspace)[:5] * (one_count / one_unit), rel=1e-5, nan_ok=True
    )


def test_truth_is_kept_with_each_cutout(workspace: Workspace) -> None:
    simulate_survey(workspace, name="demo", spec=SPEC, processes=1)
    truth = next(cutout for cutout in simulate(SPEC).truth if cutout.label == "lens")
    (cutout,) = sources.find_cutouts(workspace.database, truth.candidate_id)
    assert cutout.properties == truth.properties
    assert cutout.properties["einstein_radius_arcsec"] > 0.7


def test_stopped_survey_cannot_be_read_and_goes_on_where_it_was(workspace: Workspace) -> None:
    answers = iter([None, "stop"])
    with pytest.raises(JobCancelled, match="resume it"):
        simulate_survey(workspace, name="demo", spec=SPEC, should_stop=lambda: next(answers), processes=1)
    source = sources.get_source(workspace.database, "demo")
    assert sources.count_cutouts(workspace.database, source.id) == 64
    with pytest.raises(NotFound, match="unfinished"):
        PackedCutouts.open(workspace.cutouts_folder("demo"))
    reports: list[Progress] = []
    simulate_survey(workspace, name="demo", spec=SPEC, report=reports.append, processes=1)
    assert len(reports) == 2
    np.testing.assert_array_equal(stored_pixels(workspace), simulate(SPEC).pixels)


def test_finished_survey_is_not_overwritten(workspace: Workspace) -> None:
    first = simulate_survey(workspace, name="demo", spec=SPEC, processes=1)
    again = simulate_survey(workspace, name="demo", spec=SPEC, processes=1)
    assert again | {"seconds": 0} == first | {"seconds": 0}
    with pytest.raises(InvalidInput, match="already"):
        simulate_survey(workspace, name="demo", spec=SPEC.replaced(seed=4))
    for seed in (3, 4):
        with pytest.raises(InvalidInput, match="already"):
            start_demo(workspace, name="demo", spec=SPEC.replaced(seed=seed))


def test_queued_survey_carries_its_name_and_settings(workspace: Workspace) -> None:
    job = start_demo(workspace, name="demo", spec=SPEC)
    assert (job.kind, job.state) == ("demo", "queued")
    assert DemoSpec.parse(job.payload["spec"]) == SPEC
    assert sources.get_source(workspace.database, "demo").state == "importing"
    assert start_demo(workspace, name="demo", spec=SPEC).id == job.id  # the same command goes on
