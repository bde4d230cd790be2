"""The data page on an empty workspace and on a small survey."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from lensapp import jobs
from lensapp.core.evaluate.audits.realism import chance_scatter
from lensapp.core.evaluate.audits.realism_spec import RealismSpec
from lensapp.services.data import sky_maps
from lensapp.services.data.sky_maps import closest_rows, field_facts, find_places
from lensapp.services.data.source_quality import CutoutNoise, noise_of_cutouts
from lensapp.services.data.source_tables import labels_of
from lensapp.services.evaluate.realism import start_audit
from lensapp.storage import queue, sources
from lensapp.ui.data import quality_view
from lensapp.ui.data.catalogue_view import safe_csv
from lensapp.ui.data.realism import called, roles_of
from lensapp.ui.data.sky_view import (
    Positions,
    facts_in_words,
    sky_figure,
    with_those_beneath,
)
from lensapp.worker import run_job
from support.pages_workspace import add_survey, figures_of, open_page, sheets_of
from support.small_surveys import add_source, make_survey, pack_source

open_data = partial(open_page, "data", patience=60)


def titles_of(app: AppTest) -> list[str]:
    return [one.value.removeprefix("#### ") for one in app.markdown if one.value.startswith("#### ")]


def test_the_contact_sheet_holds_a_tile_for_each_cutout(workspace):
    make_survey(workspace, count=20)
    app = open_data()
    assert not app.exception
    sheet = sheets_of(app)["data"]
    assert len(sheet["items"]) == 20
    assert len({key for key, *_ in sheet["items"]}) == 20


def test_the_contact_sheet_follows_the_class(workspace):
    make_survey(workspace, count=20)
    app = open_data()
    app.button_group(key="class").set_value("lens").run()
    assert len(sheets_of(app)["data"]["items"]) == 5


@pytest.mark.parametrize("view", ["cutouts", "quality", "catalogue", "sky", "objects", "realism", "import"])
def test_every_view_of_a_small_survey_opens(workspace, view):
    make_survey(workspace)
    app = open_data(view=view)
    assert not app.exception
    assert app.query_params.get("view", "cutouts") == view


def test_a_search_for_objects_is_queued_as_entered_or_refused_beside_the_button(workspace):
    pixels = np.random.default_rng(0).normal(0, 1, (2, 40, 40, 3)).astype(np.float32)
    pack_source(workspace, "fields", pixels, [{"row": k, "candidate_id": f"f{k}"} for k in range(2)])
    app = open_data(view="objects")
    app.number_input(key="find-1-size").set_value(40)
    app.text_input(key="find-1-name").input("hosts")
    next(button for button in app.button if button.label == "Find objects").click().run()
    assert "Choose a smaller size" in app.error[0].value
    app.number_input(key="find-1-size").set_value(16)
    next(button for button in app.button if button.label == "Preview").click().run()
    assert not app.exception
    assert any(one.value.startswith("Preview of 2 of 2 images: **") for one in app.markdown)
    assert not jobs.active(workspace.database)
    next(button for button in app.button if button.label == "Find objects").click().run()
    assert not app.exception
    (job,) = jobs.active(workspace.database)
    assert (job.kind, job.payload["name"], job.payload["source"]) == ("objects", "hosts", "fields")
    assert job.payload["spec"]["size"] == 16
    assert job.payload["spec"]["label"] == "nonlens"  # as the text above the form promises


def test_a_search_without_a_pixel_scale_names_the_setting_that_gives_one(workspace):
    pixels = np.random.default_rng(0).normal(0, 1, (2, 200, 200, 3)).astype(np.float32)
    pack_source(
        workspace,
        "fields",
        pixels,
        [{"row": k, "candidate_id": f"f{k}"} for k in range(2)],
        pixel_scale_arcsec=None,
    )
    app = open_data(view="objects")
    assert any("Import it again with “Pixel scale (arcsec)”, or" in text.value for text in app.markdown)
    assert not any(one.label == "Find objects" for one in app.button)


@pytest.mark.parametrize(("pixels", "warned"), [(64, True), (200, False)])
def test_a_search_in_single_cutouts_warns_and_does_not_become_what_the_round_is_about(
    workspace, pixels, warned
):
    images = np.random.default_rng(0).normal(0, 1, (2, pixels, pixels, 3)).astype(np.float32)
    pack_source(workspace, "look", images, [{"row": k, "candidate_id": f"f{k}"} for k in range(2)])
    app = open_data(view="objects")
    assert any("single cutouts" in text.value for text in app.markdown) == warned
    next(button for button in app.button if button.label == "Find objects").click().run()
    assert len(jobs.active(workspace.database)) == 1
    assert ("awaited-source" in app.session_state) != warned


def test_an_audit_of_realism_is_queued_and_its_result_is_shown(workspace):
    make_survey(workspace, name="painted", count=40)
    make_survey(workspace, name="sky", count=44)
    app = open_data(view="realism", source="painted")
    assert any("**Neither is simulated**" in text.value for text in app.markdown)
    next(button for button in app.button if button.label == "Audit realism").click().run()
    assert not app.exception
    (job,) = jobs.active(workspace.database)
    assert (job.payload["real"], job.payload["simulated"]) == ("sky", "painted")
    assert run_job(workspace, queue.claim_job(workspace.database, worker="w", job_id=job.id)).state == "done"
    app = app.run()
    assert any("cannot tell the cutouts of painted from those of sky" in text.value for text in app.markdown)
    assert [name for name in app.dataframe[0].value if "median" in name] == ["median, sky", "median, painted"]
    assert any("AUROC by photometry" in caption.value for caption in app.caption)
    assert len(figures_of(app)) == 1


def test_painted_on_these_says_that_it_tells_nothing_and_leads_to_real_lenses(workspace):
    make_survey(workspace, name="hosts", count=40)  # with ten lenses
    source = make_survey(workspace, name="arcs", count=100)
    make_survey(workspace, name="lenses", count=100)
    sources.finish_source(workspace.database, source.id, quality={}, kind="paint", spec={"hosts": ["hosts"]})
    app = open_data(view="realism", source="arcs")
    assert app.selectbox(key=f"realism-real-{source.id}").value == "lenses"
    assert app.button_group(key=f"realism-{source.id}-lens-label").value == "lens"
    app = open_data(view="realism", source="arcs", real="hosts")
    assert any("**arcs is painted on galaxies of hosts.**" in one.value for one in app.markdown)
    assert any(button.label == "Compare with lenses" for button in app.button)


def test_few_cutouts_are_not_audited_and_two_simulations_say_that_they_tell_nothing(workspace):
    add_survey(workspace, "demo1")
    add_survey(workspace, "demo2")
    make_survey(workspace, name="few", count=3)
    app = open_data(view="realism", source="demo1", real="few")
    assert any("few** has 3 cutouts, too few" in one.value for one in app.warning)
    assert not any(button.label == "Audit realism" for button in app.button)
    assert len(figures_of(app)) == 1  # the example
    assert not any("Neither is real" in one.value for one in app.markdown)
    app = open_data(view="realism", source="demo1", real="demo2")
    pictures = [
        one for one in app.columns if [text.value for text in one.caption][:1] == ["demo1 (simulated)"]
    ]
    bottom = type(pictures[0].proto).VerticalAlignment.Value("BOTTOM")
    assert pictures[0].proto.vertical_alignment == bottom  # in one row, also below a name of two lines
    assert any("Neither is real" in one.value for one in app.markdown)
    assert any(button.label == "Import real cutouts" for button in app.button)


def test_an_area_of_few_cutouts_scatters_about_chance_as_that_of_ranks_drawn_at_random():
    ranks = np.random.default_rng(3).random((4_000, 70)).argsort(axis=1).argsort(axis=1)
    areas = (ranks[:, :30].sum(axis=1) - 30 * 29 / 2) / (30 * 40)
    assert np.percentile(areas, 97.5) - 0.5 == pytest.approx(chance_scatter(30, 40), abs=0.01)


def test_the_newest_audit_of_realism_is_there_on_return(workspace):
    for name in ("painted", "fields", "sky"):
        make_survey(workspace, name=name, count=40)
    start_audit(workspace, real="fields", simulated="painted", spec=RealismSpec())
    app = open_data(view="realism", source="painted")
    assert (
        app.selectbox(key=f"realism-real-{sources.get_source(workspace.database, 'painted').id}").value
        == "fields"
    )


def test_sources_that_cannot_be_compared_are_not_offered_and_say_why(workspace):
    make_survey(workspace, name="painted", count=40)
    add_source(workspace, "elsewhere", bands=("z", "Y"))
    app = open_data(view="realism", source="painted")
    assert any("elsewhere (bands z, Y, none in common)" in text.value for text in app.markdown)
    make_survey(workspace, name="sky", count=40)
    app = open_data(view="realism", source="painted")
    assert app.selectbox[1].options == ["sky"]
    assert any("elsewhere (bands z, Y, none in common)" in text.value for text in app.caption)


def test_cutouts_alike_in_noise_are_shown_as_the_deepest_and_the_shallowest(workspace):
    pixels = np.random.default_rng(1).normal(0, 1, (30, 40, 40, 3)).astype(np.float32)
    source = pack_source(
        workspace, "alike", pixels, [{"row": row, "candidate_id": f"n-{row}"} for row in range(30)]
    )
    found = noise_of_cutouts(workspace, source)
    off = [max(row, key=abs) for row in np.log(found.relative).tolist()]
    assert [off[row] for row in found.extremes(3)] == [*sorted(off)[:3], *sorted(off)[-3:]]
    app = open_data(view="quality", source="alike")
    assert "The deepest and the shallowest cutouts" in titles_of(app)
    assert any("None of the sample stands out from the others" in one.value for one in app.caption)


def test_what_is_deep_in_one_band_and_usual_in_another_is_named_by_the_first():
    """By hand: 0.36 × in g, 0.9 × in i: 1.1 mag deeper; 1.5 × is half as far by ratio."""
    relative = np.ones((30, 2)) + np.linspace(-0.05, 0.05, 30)[:, None]
    relative[4], relative[9] = (0.36, 0.9), (1.0, 1.5)
    rows, shallower, deeper = (found := CutoutNoise(np.arange(30), relative, None)).outstanding()
    assert (rows.tolist(), found.farthest[rows].tolist(), shallower, deeper) == ([4, 9], [0, 1], 1, 1)
    assert found.extremes(1).tolist() == [4, 9]


def test_data_opens_on_what_the_other_pages_are_about_and_says_so_in_its_address(workspace):
    make_survey(workspace, count=20)
    pack_source(workspace, "one", np.ones((1, 8, 8, 3), np.float32), [{"row": 0, "candidate_id": "one"}])
    assert open_data().query_params["source"] == "small"


def test_quality_tells_what_was_rejected_and_why(workspace):
    make_survey(workspace)
    app = open_data(view="quality")
    reasons = app.dataframe[0].value["reason"].tolist()
    assert reasons == ["Expected pixels, received only NaN.", "Expected FITS, received 3 bytes."]


def test_cutouts_much_noisier_than_the_others_are_named(workspace):
    pixels = np.random.default_rng(1).normal(0, 1, (30, 40, 40, 3)).astype(np.float32)
    pixels[7, ..., 1] *= 3
    pixels[11] = np.nan  # of which nothing is known
    pixels[11, 0, 0] = 1.0
    rows = [{"row": row, "candidate_id": f"n-{row}"} for row in range(30)]
    source = pack_source(workspace, "noisy", pixels, rows)
    found = noise_of_cutouts(workspace, source)
    which, shallower, deeper = found.outstanding()
    assert (which.tolist(), shallower, deeper) == ([7], 1, 0)
    assert found.relative[7, 1] == pytest.approx(3, rel=0.15)
    assert found.depth_mag_arcsec2[7, 1] - np.nanmedian(found.depth_mag_arcsec2[:, 1]) < -1
    app = open_data(view="quality", source="noisy")
    assert not app.exception
    assert any(one.value.startswith("1 cutout of the sample stands out: 1 shallower") for one in app.caption)
    assert "Cutouts of unusual depth" in titles_of(app)
    few = pack_source(workspace, "few", pixels[:4], rows[:4])
    assert noise_of_cutouts(workspace, few) is None


def test_masked_pixels_of_a_sample_are_told_from_those_of_all_cutouts():
    simulated = SimpleNamespace(quality={})
    note = quality_view.what_is_of_a_sample(simulated, sampled=256, total=2000)
    assert note == "Masked in the band: in 256 of the cutouts, evenly spread. "
    assert not quality_view.what_is_of_a_sample(simulated, sampled=90, total=90)
    imported = SimpleNamespace(quality={"bands": {"g": {"nan": 3}}})
    assert not quality_view.what_is_of_a_sample(imported, sampled=256, total=2000)


@pytest.mark.parametrize(("bands", "told"), [(1, True), (3, False)])
def test_the_masked_share_of_a_band_is_told_where_it_is_not_that_of_all(workspace, monkeypatch, bands, told):
    monkeypatch.setattr(quality_view, "what_is_of_a_sample", lambda *_, **__: "Masked in the band: … ")
    pixels = np.random.default_rng(0).normal(0, 1, (30, 16, 16, 3)).astype(np.float32)
    pixels[3, :4, :, :bands] = np.nan
    rows = [{"row": k, "candidate_id": f"f{k}", "masked_fraction": 0.25 * (k == 3)} for k in range(30)]
    pack_source(workspace, "fields", pixels, rows)
    app = open_data(view="quality")
    said = [one.value for one in app.caption]
    assert any("All bands and 30 cutouts together: 0.83 % of the pixels are masked" in one for one in said)
    assert any("masked" in one.value for one in app.dataframe) is told
    assert any("Masked in the band" in one for one in said) is told


def map_of(ra_deg: list[float], dec_deg: list[float], **options: Any) -> tuple[go.Figure, int]:
    kinds = np.resize(np.array(["lens", "nonlens"]), len(ra_deg))
    positions = Positions(np.array(ra_deg), np.array(dec_deg), kinds, kinds, **options)
    return sky_figure(positions, colours={"lens": "red", "nonlens": "blue"}, names={}, counts=True)


@pytest.mark.parametrize(
    ("dec_deg", "in_true_shape"), [((-2.0, 2.0), True), ((2.0, 2.0), False), ((1.0, 1.5), False)]
)
def test_a_map_of_a_field_is_in_true_shape_but_for_strips_and_ends_at_the_poles(dec_deg, in_true_shape):
    figure, _ = map_of([1.0, 359.0], list(dec_deg))
    axis = figure.layout.yaxis
    assert (axis.minallowed, axis.maxallowed) == (-90, 90)
    assert (axis.scaleanchor == "x") is in_true_shape
    assert abs(figure.data[0].x[0] - figure.data[1].x[0]) == pytest.approx(2.0)  # across 0°, not 358° apart


def test_positions_all_over_the_sky_are_on_a_map_of_the_whole_sky():
    figure, overlapping = map_of([10.0, 100.0, 200.0, 300.0, 300.0], [60.0, -30.0, 0.0, 5.0, 5.0])
    assert not figure.layout.xaxis.visible
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert max(abs(x) for trace in marks for x in trace.x) < 2 * np.sqrt(2)
    assert "Galactic plane" in {trace.name for trace in figure.data}
    assert {trace.marker.symbol for trace in marks} == {"circle", "x"}
    assert overlapping == 1
    assert [one.text for one in figure.layout.annotations] == ["<b>2</b>"]


def test_marks_of_a_dense_field_have_no_counts_beside_them():
    rng = np.random.default_rng(0)
    _, overlapping = map_of(rng.uniform(10, 12, 400).tolist(), rng.uniform(0, 2, 400).tolist())
    assert overlapping == 0


def test_marks_take_the_colours_of_a_column_and_those_without_a_value_are_told_apart():
    figure, _ = map_of([10.0, 10.1, 10.2], [0.0, 0.1, 0.2], values=np.array([18.0, 20.0, np.nan]), of="mag_i")
    unknown, known = (trace for trace in figure.data if trace.mode == "markers")
    assert (unknown.name, len(unknown.x)) == ("mag_i unknown", 1)
    assert list(known.marker.color) == [18.0, 20.0]
    assert [text.split("<br>")[-1] for text in known.hovertext] == ["mag_i 18", "mag_i 20"]


def test_numbers_of_heaps_close_together_are_one():
    """On a map 10° wide: two heaps 0.1° apart, whose numbers would lie on each other, and one far away."""
    ra_deg = [10.0, 10.0, 10.1, 10.1, 10.1, 20.0, 20.0]
    figure, overlapping = map_of(ra_deg, [0.0] * 7)
    numbers = figure.layout.annotations
    assert [one.text for one in numbers] == ["<b>5</b>", "<b>2</b>"]
    assert numbers[0].x == pytest.approx((2 * 10.0 + 3 * 10.1) / 5)
    assert overlapping == 2


def test_a_lens_at_the_position_of_a_non_lens_is_above_it_and_both_are_seen():
    figure, _ = map_of([10.0, 10.0, 11.0, 12.0], [0.5, 0.5, 0.0, 1.0])
    lowest, topmost = (trace for trace in figure.data if trace.mode == "markers")
    assert (lowest.marker.symbol, topmost.marker.symbol) == ("x", "circle")  # as many of each
    assert list(lowest.marker.size) == [12, 7]
    assert topmost.marker.size == 7
    assert topmost.hovertext[0].endswith("2 cutouts at this position: 1 × lens, 1 × nonlens")
    assert "position:" not in topmost.hovertext[1]


def test_the_simulated_one_of_two_sources_is_audited_as_such_whichever_is_shown():
    kinds = {"sky": "", "deep": "", "demo": "simulated", "arcs": "painted"}
    as_simulated = {pair: roles_of(*pair, kinds)["simulated"] for pair in [("sky", "demo"), ("demo", "sky")]}
    assert set(as_simulated.values()) == {"demo"}
    assert roles_of("sky", "deep", kinds) == {"real": "deep", "simulated": "sky"}
    of_neither = roles_of("arcs", "demo", kinds)
    assert of_neither == {"real": "demo", "simulated": "arcs"}
    assert called(of_neither, kinds) == {"real": "demo (simulated)", "simulated": "arcs (painted)"}
    assert called(roles_of("sky", "demo", kinds), kinds)["real"] == "sky (real)"
    assert called(roles_of("sky", "deep", kinds), kinds) == {"real": "deep", "simulated": "sky"}


def test_what_positions_tell_of_a_field():
    ra_deg, dec_deg = np.array([10.0, 10.0, 10.0, 11.0]), np.array([0.0, 0.0, 0.01, 0.0])
    facts = field_facts(ra_deg, dec_deg, np.array(["lens", "nonlens", "lens", "lens"], object))
    assert (round(facts.width_deg, 6), facts.height_deg) == (1.0, 0.01)
    assert (round(facts.closest_arcsec, 6), round(facts.median_arcsec, 6)) == (36.0, 36.0)
    assert (facts.sharing, facts.mixed) == (2, 1)
    rows, separations, together = closest_rows(ra_deg, dec_deg, most=3)
    assert (rows.tolist(), separations, together) == ([0, 1, 2], [0.0, 0.0, 36.0], [3])
    heaps = np.array([10.0, 11.0, 10.0, 11.0, 10.0])
    assert closest_rows(heaps, np.zeros(5), most=4)[0].tolist() == [0, 2, 4]  # not one of the next two
    pair = sky_maps.map_of(np.array([10.0, 10.0 + 0.04 / 3600, 10.5, 11.0]), np.zeros(4))
    ids = np.array([7, 8, 9, 10])
    assert with_those_beneath([8], ids, pair) == [8, 7], "the one that its mark hides"
    assert with_those_beneath([10], ids, pair) == [10]
    assert "Within 0.01″ of another: **2 cutouts**; both classes at 1 position" in facts_in_words(facts)
    assert "Within" not in facts_in_words(replace(facts, sharing=0, mixed=0))
    alone = field_facts(ra_deg[:1], dec_deg[:1], np.array(["lens"], object))
    assert alone.median_arcsec is None


def test_cutouts_that_lie_together_far_from_others_are_a_place():
    ra_deg = np.array([359.8, 0.3, 0.9, 150.0, 150.0, np.nan, 200.0])
    dec_deg = np.array([0.0, 0.0, 0.1, 2.0, 2.0, 1.0, -89.0])
    across, shared = find_places(ra_deg, dec_deg)
    assert (across.rows.tolist(), shared.rows.tolist()) == ([0, 1, 2], [3, 4])
    assert (across.ra_deg, across.dec_deg) == (pytest.approx(0.35), 0.0)
    assert find_places(ra_deg[3:5], dec_deg[3:5]) == []  # all are at one


def test_a_place_chosen_on_the_sky_is_seen_alone_in_its_true_shape(workspace):
    cutouts = [
        {"candidate_id": f"c{k}", "ra_deg": 10.0 + k % 3 / 10 + 100 * (k // 3), "dec_deg": k % 3 / 10}
        for k in range(7)
    ]
    source = add_source(workspace, "patchy", count=7, cutouts=cutouts)
    app = open_data(view="sky", source="patchy")
    assert app.selectbox(key=f"sky-place-{source.id}").options[:2] == [
        "all places", "RA 10.1°, Dec +0.1° · 3 cutouts",
    ]  # fmt: skip
    app.selectbox(key=f"sky-place-{source.id}").set_value("110.1+0.1").run()
    assert not app.exception
    assert any("3 of 7 cutouts at this place" in text.value for text in app.caption)
    assert "110.1+0.1" in app.query_params["place"]


def test_no_cell_of_a_downloaded_table_can_become_a_formula():
    table = pd.DataFrame({"candidate": ["=1+1", "@x", "plain"], "ra (deg)": [-1.0, 2.0, 3.0]})
    text = safe_csv(table)
    assert "'=1+1" in text
    assert "'@x" in text
    assert "\n-1.0" not in text
    assert "-1.0" in text


def test_a_source_just_imported_is_selected_once_it_is_ready(workspace):
    make_survey(workspace, name="old")
    app = open_data(source="old", view="import")
    app.session_state["awaited-source"] = "new"
    make_survey(workspace, name="new")
    app.run()
    assert not app.exception
    assert app.selectbox[0].value == "new"
    assert app.button_group(key="data-view-1").value == "cutouts"


def test_the_address_follows_to_a_new_source_from_an_import_that_a_click_opened(workspace):
    make_survey(workspace, name="old")
    app = open_data(source="old")
    app.button_group(key="data-view").set_value("import").run()
    assert "import" in app.query_params["view"]
    app.session_state["awaited-source"] = "new"
    make_survey(workspace, name="new")
    for stale in (False, True):
        if stale:  # a rerun asked for before the browser had heard that the view is another
            app.query_params["view"] = "import"
        app.run()
        assert app.selectbox[0].value == "new"
        assert app.button_group(key="data-view-1").value == "cutouts"
        assert "view" not in app.query_params


def test_a_source_shown_on_another_page_first_does_not_lead_back_to_the_form_of_its_import(workspace):
    make_survey(workspace, name="old")
    app = open_data(source="old", view="import")
    app.session_state["awaited-source"], app.session_state["awaited-at"] = "new", ("data", "import")
    make_survey(workspace, name="new")
    for page in ("home", "data"):
        app.switch_page(f"../../pages/{page}.py")
        app.query_params.clear()  # as Streamlit does
        app.run()
        assert "awaited-source" not in app.session_state
    assert app.selectbox[0].value == "new"
    assert app.button_group(key="data-view").value == "cutouts"


def test_a_view_that_was_gone_to_meanwhile_stays_when_the_awaited_source_is_ready(workspace):
    make_survey(workspace, name="old")
    app = open_data(source="old", view="objects")
    app.session_state["awaited-source"], app.session_state["awaited-at"] = "new", ("data", "objects")
    app.button_group(key="data-view").set_value("import").run()
    make_survey(workspace, name="new")
    app.run()
    assert app.button_group(key="data-view").value == "import"
    assert app.selectbox[0].value == "old"


def test_a_view_that_is_clicked_as_the_awaited_source_gets_ready_wins(workspace):
    make_survey(workspace, name="old")
    app = open_data(source="old", view="objects")
    app.session_state["awaited-source"], app.session_state["awaited-at"] = "new", ("data", "objects")
    make_survey(workspace, name="new")
    app.button_group(key="data-view").set_value("quality").run()
    assert not app.exception
    assert app.button_group(key="data-view").value == "quality"
    assert (app.selectbox[0].value, app.query_params["view"]) == ("old", "quality")
    assert "awaited-source" not in app.session_state


def test_the_filter_of_another_source_is_not_taken_to_the_awaited_one(workspace):
    make_survey(workspace, name="old")
    app = open_data(source="old", where="only_here > 1")
    app.session_state["awaited-source"] = "new"
    make_survey(workspace, name="new")
    app.run()
    assert app.selectbox[0].value == "new"
    assert "where" not in app.query_params
    assert not app.error


@pytest.mark.parametrize("where", ['magnitude_r == "bright"', "nosuch > 1"])
def test_a_filter_that_cannot_be_used_shows_why_and_the_cutouts_of_the_last_that_could(workspace, where):
    make_survey(workspace, count=20)
    app = open_data(where=where)
    assert not app.exception
    assert len(app.error) == 1
    assert any("All 20 cutouts are shown until the filter can be used." in text.value for text in app.caption)
    field = next(field for field in app.text_input if field.label == "Filter")
    field.set_value("isnull(ra)").run()
    assert not app.error
    field = next(field for field in app.text_input if field.label == "Filter")
    field.set_value(where).run()
    assert len(app.error) == 1
    assert any("fulfil the filter before" in text.value for text in app.caption)
    assert any(text.value.startswith("0 of 20 cutouts") for text in app.caption)


def test_a_filter_says_how_many_cutouts_fulfil_it_and_an_unknown_column_where_all_names_are(workspace):
    make_survey(workspace, count=20)
    app = open_data(where='label == "lens"')
    lenses = int(
        np.count_nonzero(labels_of(workspace, sources.get_source(workspace.database, "small")) == "lens")
    )
    verb = "fulfils" if lenses == 1 else "fulfil"
    assert any(text.value == f"{lenses} of 20 cutouts {verb} the filter." for text in app.caption)
    app = open_data(where="nosuch > 1")
    assert "Column names, beside the filter, lists all." in app.error[0].value
