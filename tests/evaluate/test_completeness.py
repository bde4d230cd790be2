"""Completeness by injection: what is painted, how it is counted, and the selection function in a file."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.stats import binom_conf_interval
from astropy.table import Table

from lensapp.core.acting import Actor, acting_as
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.selection_function import (
    HUMAN,
    JOINT,
    InjectionSpec,
    SelectionFunction,
    gridded,
    nearest_cells,
)
from lensapp.core.progress import never_stop
from lensapp.services.evaluate import completeness as service
from lensapp.services.inspect.joint_completeness import completeness_of, describe_search, painted_tests
from lensapp.services.inspect.queues import create_review
from lensapp.storage import datasets, evaluations, sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.evaluations import StoredInjections
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.completeness_view import completeness_figure
from support.blind_reviews import BLIND, grade
from support.small_surveys import red_galaxies, run_trained_on

BANDS, SIZE, COUNT, SCALE, SIGMA = ("g", "r", "i"), 48, 60, 0.25, 0.1
ZERO_POINT = 27.0
SPEC = InjectionSpec.parse(
    {"theta_e_arcsec": [1.0, 2.0], "arc_snr": [400, 800], "per_cell": 8, "choice": {"smallest_size": 0.5}}
)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "ws")


@pytest.fixture
def source(ws: Workspace) -> Source:
    """Its white noise is 0.1 in flux of AB 25."""
    return red_galaxies(ws, zero_point=ZERO_POINT, noise=SIGMA * 10 ** (0.4 * (ZERO_POINT - 25)))


@pytest.fixture
def run(ws: Workspace, source: Source) -> Run:
    """A run that learned from the first 20 galaxies; no network, since none is asked here."""
    return run_trained_on(ws, source)


def function(**changes) -> SelectionFunction:
    number = np.full((2, 3, 1), 20)
    accepted = np.array([[[0], [5], [10]], [[10], [15], [20]]])
    values = {"number": number, "accepted": accepted, "seeing_arcsec": np.array([np.nan])} | changes
    return SelectionFunction(
        np.array([0.5, 1.0]), np.array([10.0, 20.0, 40.0]), threshold=0.4,
        settings={"run": "first", "source": "sky", "realism": "θE"}, **values,
    )  # fmt: skip


def test_between_centres_completeness_is_linear_and_outside_them_unknown():
    selection = function()
    assert selection(0.5, 20) == pytest.approx(5 / 20)
    assert selection(0.5, 20).shape == ()
    assert selection([0.75, 0.5], [15, 30]) == pytest.approx([(0 + 5 + 10 + 15) / 80, (5 + 10) / 40])
    assert np.isnan(selection([0.4, 1.1, 0.7, 0.7], [20, 20, 9, 41])).all()


def test_the_heat_map_writes_each_share_into_its_own_cell():
    figure = completeness_figure(function(), ink="#000000")
    cells = {(note.x, note.y): note.text for note in figure.layout.annotations}
    heat = figure.data[0]
    assert heat.z.tolist() == [[0.0, 0.25, 0.5], [0.5, 0.75, 1.0]]
    assert cells.keys() == {(x, y) for x in heat.x for y in heat.y}
    assert cells[1, 0].startswith("<b>0.25</b>")
    assert cells[0, 1].startswith("<b>0.50</b>")
    assert (list(figure.layout.xaxis.ticktext), list(figure.layout.yaxis.ticktext)) == (
        ["10", "20", "40"],
        ["0.5", "1"],
    )


def test_limits_are_wilsons():
    low, high = function().limits()
    wanted = binom_conf_interval(5, 20, confidence_level=0.95, interval="wilson")
    assert (low[0, 1, 0], high[0, 1, 0]) == pytest.approx(tuple(wanted))


def test_without_a_seeing_all_seeing_counts_together_and_with_one_it_is_interpolated():
    accepted = np.stack([np.full((2, 3), 4), np.full((2, 3), 12)], axis=-1)
    selection = function(seeing_arcsec=np.array([0.6, 1.0]), number=np.full((2, 3, 2), 20), accepted=accepted)
    assert selection(0.7, 15) == pytest.approx(16 / 40)
    assert selection(0.7, 15, [0.6, 0.7]) == pytest.approx([0.2, 0.3])
    assert np.isnan(selection(0.7, 15, 1.1))


def test_a_file_tells_its_definition_and_gives_the_same_function(tmp_path):
    joint = gridded([0.5], [20], [np.nan], [True], like=function(), kind=JOINT)
    path = tmp_path / "f.fits"
    path.write_bytes(service.fits_bytes([function(), joint]))
    again = SelectionFunction.from_fits(path)
    assert again(0.75, 15) == function()(0.75, 15)
    assert (again.settings["run"], again.threshold) == ("first", 0.4)
    table = Table.read(path, hdu="NETWORK")
    assert table["completeness"][table["theta_E"] == 1.0].tolist() == [0.5, 0.75, 1.0]
    assert str(table["theta_E"].unit) == "arcsec"
    header = fits.getheader(path, "NETWORK")
    assert (header["RUN"], header["SOURCE"], header["THRESH"]) == ("first", "sky", 0.4)
    assert "accepted / number" in " ".join(str(header["COMMENT"]).split("\n"))
    assert SelectionFunction.from_fits(path, kind="joint").number.sum() == 1
    with pytest.raises(InvalidInput, match="no selection function 'human'; it has: NETWORK, JOINT"):
        SelectionFunction.from_fits(path, kind="human")


def test_files_that_hold_no_selection_function_are_refused(tmp_path):
    (tmp_path / "a.fits").write_text("nothing")
    Table({"theta_E": [1.0]}).write(tmp_path / "b.fits")
    with pytest.raises(InvalidInput, match="cannot be read as FITS"):
        SelectionFunction.from_fits(tmp_path / "a.fits")
    with pytest.raises(InvalidInput, match="no selection function 'NETWORK'"):
        SelectionFunction.from_fits(tmp_path / "b.fits")


def test_lenses_fall_into_the_nearest_cell_by_logarithm_and_none_far_outside():
    # Half-way between 10 and 40 is 20; half a step beyond are 5 and 80.
    assert nearest_cells([4.9, 5.1, 19, 21, 79, 81], [10, 40]).tolist() == [-1, 0, 0, 1, 1, -1]


def test_lenses_count_at_the_nearest_seeing_and_not_where_it_is_unknown():
    number = np.full((2, 3, 2), 20)
    like = function(seeing_arcsec=np.array([0.6, 1.0]), number=number, accepted=number)
    told = gridded(
        [0.5, 0.5, 0.5, 1.0], [10, 10, 10, 40], [0.7, 0.9, np.nan, 2.0], [True, False, True, True],
        like=like, kind=HUMAN,
    )  # fmt: skip
    assert told.number[0, 0].tolist() == [1, 1]
    assert told.accepted[0, 0].tolist() == [1, 0]
    assert told.number[1, 2].tolist() == [0, 1]
    assert told.number.sum() == 3


def test_injected_arcs_have_the_radius_and_signal_of_their_cell_in_the_networks_unit(
    ws, source, run, tmp_path
):
    y, x = np.mgrid[-7:8, -7:8]
    fits.PrimaryHDU(np.exp(-(x**2 + y**2) / 2)).writeto(tmp_path / "star.fits")
    spec = SPEC.replaced(seeing_bins=1, psf_file=str(tmp_path / "star.fits"))
    injections = service.plan_injections(ws, run, source, spec)
    factor = 2.5
    pixels = np.concatenate(
        list(
            service.painted_blocks(ws, source, injections, factor=factor, processes=1, should_stop=never_stop)
        )
    )
    columns = sources.cutout_columns(ws.database, [source.id], columns=("id", "row"))
    rows = columns["row"][np.searchsorted(columns["id"], injections.hosts)]
    stored = PackedCutouts.open(ws.cutouts_folder("sky"), calibrated=True).read(rows)
    arcs = pixels / factor - stored
    # White noise of 0.1: the matched filter's S/N is the root of the summed squares over 0.1.
    ratio = np.sqrt((arcs**2).sum((1, 2))).max(-1) / SIGMA
    assert ratio == pytest.approx(injections.arc_snr, rel=0.2)  # the noise is measured on each image
    by_snr = [float(np.median(ratio[injections.arc_snr == one])) for one in (400, 800)]
    assert by_snr == pytest.approx([400, 800], rel=0.08)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    light = np.clip(arcs.sum(-1), 0, None)
    radius = (light * np.hypot(x, y)).sum((1, 2)) / light.sum((1, 2)) * SCALE
    by_radius = [float(np.median(radius[injections.theta_e_arcsec == one])) for one in (1.0, 2.0)]
    assert by_radius == pytest.approx([1.0, 2.0], rel=0.25)


def test_galaxies_that_the_network_learned_from_are_left_out(ws, source, run):
    injections = service.plan_injections(ws, run, source, SPEC)
    learned = datasets.member_columns(ws.database, run.dataset_id, part="train")["cutout_id"]
    assert not np.isin(injections.hosts, learned).any()
    assert (len(injections.hosts), injections.figures["learned_from"]) == (2 * 2 * 2 * 8, False)


def test_each_bin_of_seeing_has_its_own_galaxies_and_psf(ws, source, run):
    injections = service.plan_injections(ws, run, source, SPEC.replaced(seeing_bins=2))
    assert np.unique(injections.seeing_arcsec).tolist() == [1.0, 2.0]
    cutouts = {one.id: one for one in sources.get_cutouts(ws.database, np.unique(injections.hosts).tolist())}
    assert all(
        cutouts[host].properties["seeing_arcsec"] == seeing
        for host, seeing in zip(injections.hosts.tolist(), injections.seeing_arcsec.tolist(), strict=True)
    )
    narrow, wide = injections.parts[0].survey.sky, injections.parts[-1].survey.sky
    assert wide.psf_fwhm_arcsec == pytest.approx(2 * narrow.psf_fwhm_arcsec)
    assert wide.psf.sum((1, 2)) == pytest.approx(1.0, rel=1e-5)
    assert wide.psf.max() < 0.5 * narrow.psf.max()


def keep_scores(ws: Workspace, *, tests: tuple[list[int], list[float]] = ([], [])) -> None:
    """Store injections of which all above S/N 30 score 0.9, the others 0.1."""
    theta_e, snr, _ = (
        one.ravel() for one in np.meshgrid([1.0, 2.0], [20.0, 60.0], np.arange(10), indexing="ij")
    )
    figures = {"spec": SPEC.saved(), "galaxies": 60, "learned_from": False, "psf_fwhm_arcsec": [0.7],
               "made_at": 0.0}  # fmt: skip
    stored = StoredInjections(
        theta_e, snr, np.full(40, np.nan), np.arange(40), np.where(snr > 30, 0.9, 0.1), figures,
        np.array(tests[0], np.int64), np.array(tests[1], np.float64),
    )  # fmt: skip
    ws.run_folder("first").mkdir(parents=True, exist_ok=True)
    evaluations.save_injections(ws.run_folder("first"), "sky", stored)


def test_completeness_follows_the_threshold(ws, source, run):
    with pytest.raises(NotFound, match="has not been measured"):
        completeness_of(ws, "first", "sky", threshold=0.5)
    keep_scores(ws)
    for threshold, shares in ((0.5, [0.0, 1.0]), (0.05, [1.0, 1.0]), (0.95, [0.0, 0.0])):
        search = completeness_of(ws, "first", "sky", threshold=threshold)
        assert search.network.completeness[:, :, 0].tolist() == [shares, shares]
        assert (search.human, search.joint) == (None, None)


def test_inspectors_and_network_are_counted_together_on_the_blind_tests_that_both_saw(ws, source, run):
    spec = BLIND.replaced(limit=40, calibrators=0.5, dud_share=0.0, repeats=0.0)
    review = create_review(ws, name="blind", source_name="sky", spec=spec)
    tests = painted_tests(ws, source)
    assert len(tests) == 20
    ids = [test.cutout_id for test in tests]
    # Of 16 graded ones the mean of two says lens (A and C are 2) for 8; the network accepts every other.
    grade(ws, review, "ada", dict.fromkeys(ids[:8], "A") | dict.fromkeys(ids[8:16], "X"))
    grade(ws, review, "bea", dict.fromkeys(ids[:8], "C"))
    keep_scores(ws, tests=(ids, [0.9 if place % 2 else 0.1 for place in range(20)]))
    search = completeness_of(ws, "first", "sky", threshold=0.5)
    assert search.human is not None
    assert search.joint is not None
    with acting_as(
        Actor("Rita", "reader", account_id=7)
    ):  # to whom tests of a review that goes on say nothing
        untold = completeness_of(ws, "first", "sky", threshold=0.5)
    assert (untold.human, untold.joint) == (None, None)
    inside = [
        nearest_cells(test.truth["einstein_radius_arcsec"], [1.0, 2.0]) >= 0
        and nearest_cells(test.truth["arc_snr"], [20.0, 60.0]) >= 0
        for test in tests
    ]
    assert sum(inside[:16]) > 8
    assert search.human.number.sum() == search.joint.number.sum() == sum(inside[:16])
    assert search.human.accepted.sum() == sum(inside[:8])
    assert search.joint.accepted.sum() == sum(inside[1:8:2])
    described = describe_search(search)
    assert described["human"]["number"] == sum(inside[:16])
    assert [one.kind for one in search.all()][1:] == [HUMAN, JOINT]


def test_the_realism_of_what_is_painted_stands_beside_it(ws, source, run):
    keep_scores(ws)
    line = completeness_of(ws, "first", "sky", threshold=0.5).network.settings["realism"]
    assert line.startswith("Realism: not audited")
    assert "audit-realism" in line


def test_grids_that_cannot_be_painted_are_refused(ws, source, run):
    with pytest.raises(InvalidInput, match="no trained network"):
        service.start_completeness(ws, run_name="first", source_name="sky", spec=SPEC)
    with pytest.raises(InvalidInput, match=r"room for Einstein radii up to 3\.6 arcsec; 9"):
        service.refuse_too_large(source, SPEC.replaced(theta_e_arcsec=(1.0, 9.0)))
    with pytest.raises(InvalidInput, match="each value may be given once"):
        InjectionSpec.parse({"theta_e_arcsec": [1, 1]})
