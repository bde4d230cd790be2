"""A demo survey becomes a source: whole, resumable, with its truth."""

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from lensapp import jobs
from lensapp.core.errors import InvalidInput, JobCancelled, NotFound
from lensapp.core.progress import Progress
from lensapp.services.data.demo import (
    free_demo_name,
    labelled_beside,
    searched_with,
    simulate_survey,
    start_demo,
    start_demo_with_survey,
)
from lensapp.services.data.sources import ready_sources
from lensapp.simulation.survey import BesideSpec, DemoSpec, simulate
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


def test_a_survey_without_labels_is_made_beside_on_another_field(workspace: Workspace) -> None:
    queued = start_demo_with_survey(workspace, name="demo", spec=SPEC, beside=BesideSpec())
    assert [(job.kind, job.payload["name"]) for job in queued] == [("demo", "demo"), ("demo", "demo-survey")]
    for job in queued:
        simulate_survey(
            workspace, name=job.payload["name"], spec=DemoSpec.parse(job.payload["spec"]), processes=1
        )
    labelled, survey = ready_sources(workspace)  # newest first: pages begin with what has labels
    assert (labelled.name, survey.name) == ("demo", "demo-survey")
    assert (survey.bands, survey.height) == (SPEC.bands, SPEC.size)
    assert searched_with(workspace, labelled) == survey
    assert labelled_beside(workspace, survey) == labelled
    assert searched_with(workspace, survey) is labelled_beside(workspace, labelled) is None
    columns = sources.cutout_columns(workspace.database, [survey.id])
    assert len(columns["row"]) == SPEC.count // 2
    fields = [sources.cutout_columns(workspace.database, [one.id]) for one in (labelled, survey)]
    first, second = (SkyCoord(one["ra_deg"], one["dec_deg"], unit="deg") for one in fields)
    assert second.match_to_catalog_sky(first)[1].min() > 90 * u.deg


def test_nothing_of_a_survey_without_labels_tells_the_truth() -> None:
    batch = simulate(SPEC.replaced(count=130, labelled=False, lens_fraction=0.5))
    assert {(one.label, one.object_class, one.parent) for one in batch.truth} == {(None, None, None)}
    names = {tuple(sorted(one.properties)) for one in batch.truth}
    assert names == {("magnitude_g", "magnitude_i", "seeing_arcsec_g", "seeing_arcsec_i")}
    assert {one.candidate_id.partition("-")[0] for one in batch.truth} == {"S3"}
    few = BesideSpec().of(DemoSpec())
    assert few is not None
    assert (few.count, few.lens_fraction, few.seed) == (1000, 0.03, 2)


def test_both_surveys_are_refused_or_gone_on_with_together(workspace: Workspace) -> None:
    beside = BesideSpec(unlabelled=20)
    sources.create_source(
        workspace.database, name="mine-survey", kind="import", bands=("g",), height=8, width=8, slots=1,
        pixel_scale_arcsec=None, spec={},
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="'mine-survey' already"):
        start_demo_with_survey(workspace, name="mine", spec=SPEC, beside=beside)
    with pytest.raises(InvalidInput, match=r"'\.\./up' is not a possible name"):
        start_demo_with_survey(workspace, name="../up", spec=SPEC, beside=beside)
    assert [one.name for one in sources.list_sources(workspace.database)] == ["mine-survey"]
    queued = start_demo_with_survey(workspace, name="demo1", spec=SPEC, beside=beside)
    assert free_demo_name(workspace) == "demo2"
    simulate_survey(workspace, name="demo1", spec=SPEC, processes=1)
    again = start_demo_with_survey(workspace, name="demo1", spec=SPEC, beside=beside)
    assert [job.id for job in again] == [queued[1].id]  # what is left of the two
    alone = start_demo_with_survey(workspace, name="alone", spec=SPEC, beside=BesideSpec(unlabelled=0))
    assert [job.payload["name"] for job in alone] == ["alone"]
    assert len(jobs.active(workspace.database)) == 3
