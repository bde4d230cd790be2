"""The page that paints: without hosts, its preview, and the job that it queues."""

import re
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lensapp import jobs
from lensapp.core.brightness import Brightness, Magnitudes
from lensapp.core.data.paint_spec import PaintSpec
from lensapp.services.care.removal import delete, empty_trash
from lensapp.services.data.demo import simulate_survey
from lensapp.services.data.host_choice import CLEAN, ON_SEQUENCE, UNMARKED, WHOLE
from lensapp.services.data.paint_preview import (
    NonlensesPreviewed,
    doubts_in_words,
    nonlenses_of,
    preview_painting,
    previewed,
)
from lensapp.services.data.painting import paint_source
from lensapp.simulation.survey import DemoSpec
from lensapp.storage import sources
from lensapp.storage.workspace import Workspace
from lensapp.ui.data import paint_page
from lensapp.ui.data.corner_figure import AXES, corner_figure
from support.pages_workspace import figures_of, open_page


@pytest.fixture
def with_hosts(workspace: Workspace) -> Workspace:
    simulate_survey(workspace, name="sky", spec=DemoSpec(count=64, lens_fraction=0, size=40), processes=1)
    return workspace


open_paint = partial(open_page, "paint", patience=60)


def test_without_a_source_the_page_leads_to_the_import(workspace: Workspace) -> None:
    app = open_paint()
    assert not app.exception
    assert app.button(key="paint-first").label == "Import cutouts"


def test_a_preview_shows_lenses_and_distributions_and_stores_nothing(with_hosts: Workspace) -> None:
    app = open_paint()
    assert not app.exception
    app.button(key="paint-try").click().run()
    assert not app.exception
    assert not app.error
    sheets = [element.value for element in app.main.get("html") if 'class="sheet"' in element.value]
    assert sheets[0].count("<figure>") == 24
    assert len(figures_of(app.main)) == 1
    assert [source.name for source in sources.list_sources(with_hosts.database)] == ["sky"]
    assert jobs.active(with_hosts.database) == []


def test_fewer_nonlenses_than_asked_for_are_told_of_before_and_after(with_hosts: Workspace) -> None:
    app = open_paint()
    assert not any("Painted last: **" in one.value for one in app.markdown)
    app.number_input(key="paint-count").set_value(100)
    app.number_input(key="paint-nonlens_ratio").set_value(1).run()
    hosts = preview_painting(with_hosts, PaintSpec(hosts=("sky",), count=100))
    assert hosts.nonlenses is not None
    told = f"{hosts.nonlenses} of the 100 non-lenses asked for: "
    assert hosts.nonlenses < 100
    assert any(one.value.startswith(f"By this preview, a painting would have {told}") for one in app.warning)
    paint_source(with_hosts, name="arcs", spec=PaintSpec(hosts=("sky",), count=100), processes=1)
    app = open_paint()
    words = f"Painted last: **arcs**, 100 lenses, {hosts.nonlenses} non-lenses."
    [last] = [one for one in app.markdown if one.value == words]
    assert last.proto.help.startswith(told)  # once in sight, in the warning of the preview


def test_the_page_opens_with_a_preview_the_brightest_arcs_first(with_hosts: Workspace) -> None:
    app = open_paint()
    assert not app.exception
    [sheet] = [element.value for element in app.main.get("html") if 'class="sheet"' in element.value]
    told = [float(one) for one in re.findall(r"<figcaption>S/N (\d+) ", sheet)]
    assert len(told) == 24
    assert told == sorted(told, reverse=True)


def test_of_many_cutouts_the_preview_waits_for_its_button(
    with_hosts: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paint_page, "AT_ONCE", 1)
    page = open_paint()
    assert not figures_of(page.main)
    assert any("Press Preview" in one.value for one in page.markdown)
    page.button(key="paint-try").click().run()
    assert len(figures_of(page.main)) == 1


def test_how_many_arcs_are_hard_to_see_is_told():
    assert paint_page.faint_arcs_in_words(np.array([30.0, 9.9, 10.0])).startswith(
        "1 of these 3 has an S/N below 10"
    )
    assert paint_page.faint_arcs_in_words(np.array([30.0])) == ""


def test_the_button_queues_what_was_entered(with_hosts: Workspace) -> None:
    app = open_paint()
    app.number_input(key="paint-count").set_value(30)
    app.number_input(key="paint-mass-largest_radius_arcsec").set_value(2.5)
    app.text_input(key="paint-name").input("arcs")
    app.button(key="paint-go").click().run()
    assert not app.exception
    [job] = jobs.active(with_hosts.database)
    assert (job.kind, job.payload["name"]) == ("paint", "arcs")
    spec = PaintSpec.parse(job.payload["spec"])
    assert (spec.hosts, spec.count, spec.mass.largest_radius_arcsec) == (("sky",), 30, 2.5)


def test_a_preview_is_what_the_painting_would_be(with_hosts: Workspace) -> None:
    spec = PaintSpec(hosts=("sky",))
    preview = preview_painting(with_hosts, spec)
    assert preview is preview_painting(with_hosts, spec)
    assert len(preview.painted_flux) == 24
    figure = corner_figure(preview.columns, colour="#e69f00")
    count = len(AXES)
    assert len(figure.data) == count * (count + 1) // 2
    radii = preview.columns["einstein_radius_arcsec"]
    assert any(np.array_equal(trace.x, radii) for trace in figure.data if trace.type == "scatter")
    assert [trace.y.sum() for trace in figure.data if trace.type == "bar"] == [len(radii)] * count


def test_a_preview_shows_each_host_beside_what_is_painted_on_it_in_any_stretch(with_hosts: Workspace) -> None:
    preview = preview_painting(with_hosts, PaintSpec(hosts=("sky",)))
    assert (preview.painted_flux != preview.host_flux).any((1, 2, 3)).all()
    alone, both = preview.pictures("linear"), preview.pictures("linear", beside_host=True)
    width = alone.shape[2]
    assert np.array_equal(both[:, :, -width:], alone)
    assert (both[:, :, :width] != alone).any((1, 2, 3)).all()
    assert not np.array_equal(preview.pictures("linear"), preview.pictures())
    app = open_paint(stretch="linear", beside="0")
    [chosen] = [one for one in app.selectbox if one.label == "Stretch"]
    assert (chosen.value, len(chosen.options)) == ("linear", 9)
    single = [one.value for one in app.main.get("html") if 'class="sheet"' in one.value]
    app.toggle(key="paint-beside").set_value(True)
    chosen.set_value("asinh").run()
    assert app.query_params["stretch"] in ("asinh", ["asinh"])
    assert "beside" not in app.query_params
    assert [one.value for one in app.main.get("html") if 'class="sheet"' in one.value] != single


def test_how_many_galaxies_were_left_out_for_artefacts_is_told(with_hosts: Workspace) -> None:
    preview = preview_painting(with_hosts, PaintSpec(hosts=("sky",)))
    counts = {WHOLE: 64, UNMARKED: 62, CLEAN: 59, "red": 40}
    assert replace(preview, counts=counts).left_out == 5
    assert replace(preview, counts={WHOLE: 64, "red": 40}).left_out == 0


def test_how_many_hosts_lie_off_the_red_sequence_is_told(
    with_hosts: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview = preview_painting(with_hosts, PaintSpec(hosts=("sky",)))
    cuts = {WHOLE: 1300, "extended": 1200, ON_SEQUENCE: 1163}
    fewer = replace(preview, counts=cuts)
    assert fewer.off_sequence == (37, 1200)
    assert replace(preview, counts={WHOLE: 1300, "extended": 1200}).off_sequence == (0, 0)
    monkeypatch.setattr(paint_page, "preview_painting", lambda *_: fewer)
    told = [one.value for one in open_page("paint").caption]
    assert any(one.startswith("37 of 1\u202f200 hosts left out: off the red sequence") for one in told)


def test_how_often_hosts_are_used_is_said_and_a_number_that_uses_each_four_times_is_offered():
    assert paint_page.uses_in_words(54, 1000).startswith("54 hosts: each is used about 19 times")
    assert "216 lenses would use each 4 times." in paint_page.uses_in_words(54, 1000)
    assert paint_page.uses_in_words(300, 1000) == "300 hosts: each is used about 3.3 times."
    assert (
        paint_page.uses_in_words(2000, 1000)
        == "2\u202f000 hosts for 1\u202f000 lenses: each is used once at most."
    )


def test_the_number_offered_is_asked_for_with_a_click(with_hosts: Workspace) -> None:
    app = open_paint()
    app.number_input(key="paint-count").set_value(1000).run()
    offered = app.button(key="paint-fewer")
    offered.click().run()
    assert not app.exception
    count = app.number_input(key="paint-count").value
    assert f"Set {count} lenses" == offered.label.replace("\u202f", "")
    assert "paint-fewer" not in [one.key for one in app.button]


def test_a_page_opens_with_as_many_lenses_and_nonlenses_as_its_hosts_are_good_for(
    with_hosts: Workspace,
) -> None:
    app = open_paint()
    preview = preview_painting(with_hosts, PaintSpec(hosts=("sky",)))
    assert preview.hosts is not None
    assert preview.nonlenses is not None
    count = app.number_input(key="paint-count").value
    ratio = app.number_input(key="paint-nonlens_ratio").value
    assert (count, round(ratio * count)) == (4 * preview.hosts, pytest.approx(preview.nonlenses, abs=1))
    assert not app.warning
    assert "paint-fewer" not in [one.key for one in app.button]


def test_how_bright_hosts_and_nonlenses_are_is_said_and_nonlenses_alike_are_a_click(
    with_hosts: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = Brightness(Magnitudes(17.9, 18.9, 19.8), Magnitudes(19.0, 20.4, 22.0))
    told_of = {False: NonlensesPreviewed(apart, None), True: NonlensesPreviewed(None, None)}
    monkeypatch.setattr(paint_page, "nonlenses_of", lambda _, spec: told_of[spec.as_bright])
    app = open_paint()
    assert not app.checkbox(key="paint-as_bright").value
    (told,) = (one.value for one in app.markdown if "A network may learn brightness" in one.value)
    assert "by their hosts, 18.9 (80 % between 17.9 and 19.8), non-lenses 20.4 (80 %" in told
    app.button(key="paint-alike").click().run()
    assert app.checkbox(key="paint-as_bright").value
    assert len(figures_of(app.main)) == 1
    assert "paint-alike" not in [one.key for one in app.button]


def test_how_bright_hosts_and_nonlenses_are_is_said_where_they_are_alike(with_hosts: Workspace) -> None:
    app = open_paint()
    app.checkbox(key="paint-as_bright").check().run()
    app.button(key="paint-try").click().run()
    assert any("lenses, by their hosts, " in one.value for one in app.caption)
    assert "paint-alike" not in [one.key for one in app.button]


def test_the_ratio_that_the_form_proposes_can_be_met_also_of_nonlenses_as_bright_as_hosts(with_hosts) -> None:
    spec = PaintSpec(hosts=("sky",), as_bright=True)
    preview = preview_painting(with_hosts, spec)
    usual = {"count": 1000, "nonlens_ratio": 1.0}
    asked = spec.replaced(count=paint_page.USES * preview.hosts)
    assert nonlenses_of(preview, asked).count < asked.count
    fitted = paint_page.fitted_to(preview, spec, usual)
    proposed = spec.replaced(count=int(fitted["count"]), nonlens_ratio=fitted["nonlens_ratio"])
    assert nonlenses_of(preview, proposed).count == round(proposed.nonlens_ratio * proposed.count)


def test_numbers_adapted_to_the_hosts_are_told():
    fitted = {"count": 216, "nonlens_ratio": 0.47}
    assert paint_page.adapted_in_words(fitted, {"count": 216, "nonlens_ratio": 0.47}) == (
        "Adapted to what these sources have: *Number of lenses* is 216 in place of 1000, "
        "*Non-lenses per lens* is 0.47 in place of 1."
    )
    assert "0.47" not in paint_page.adapted_in_words(fitted, {"count": 216, "nonlens_ratio": 0.3})
    assert not paint_page.adapted_in_words(paint_page.USUAL, paint_page.USUAL)


def test_numbers_that_somebody_entered_stay_whatever_fits_the_hosts():
    usual = {"count": 1000, "nonlens_ratio": 1.0}
    few = SimpleNamespace(hosts=54, nonlenses=102)
    spec = PaintSpec(hosts=("sky",))
    fitted = paint_page.fitted_to(few, spec, usual)
    assert fitted == {"count": 216, "nonlens_ratio": 0.47}
    entered = spec.replaced(count=1000, nonlens_ratio=0.47)
    assert paint_page.fitted_to(few, entered, fitted) == {"count": 216, "nonlens_ratio": 0.1}
    entered = spec.replaced(count=216, nonlens_ratio=2)
    assert paint_page.fitted_to(few, entered, fitted) == fitted
    many = SimpleNamespace(hosts=None, nonlenses=None)
    assert paint_page.fitted_to(many, spec.replaced(**fitted), fitted) == usual


@pytest.mark.parametrize(
    ("field", "other", "stays"),
    [
        ("paint-count", 7, True),
        ("paint-nonlens_ratio", 0.5, True),
        ("paint-host_share", 0.7, True),
        ("paint-seed", 2, False),
        ("paint-mass-largest_radius_arcsec", 2.5, False),
    ],
)
def test_a_preview_is_shown_only_of_what_the_form_holds(
    field: str, other: float, stays: bool, with_hosts: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview = preview_painting(with_hosts, PaintSpec(hosts=("sky",)))
    monkeypatch.setattr(paint_page, "preview_painting", lambda _, spec: preview)
    app = open_paint()
    app.number_input(key=field).set_value(other).run()
    assert bool(figures_of(app.main)) == bool(app.dataframe) == stays
    assert any("Press Preview" in one.value for one in app.markdown) != stays


def test_a_preview_is_of_every_setting_but_the_numbers_and_the_mix_of_what_is_made():
    spec = PaintSpec(hosts=("sky",), psf_source="stars", psf_file="psf.fits")
    alike = {name for name in PaintSpec.model_fields if _without(spec, name) == previewed(spec)}
    assert alike == {"count", "nonlens_ratio", "host_share"}


def _without(spec: PaintSpec, name: str) -> PaintSpec:
    """Return what the preview of a specification depends on once one of its fields is another."""
    others = {"hosts": ("other",), "psf_source": None, "psf_file": None, "nonlens_where": ("mag_r < 20",)}
    inner = {"choice": {"unmarked": False}, "mass": {"even_radii": False}, "source": {"clumps": 1}}
    if name in inner:
        return previewed(spec.replaced(**{name: getattr(spec, name).replaced(**inner[name])}))
    if name == "as_bright":
        return previewed(spec.replaced(as_bright=True))
    other = others[name] if name in others else getattr(spec, name) / 2 + 2 * (name == "seed")
    return previewed(spec.replaced(**{name: int(other) if name in ("seed", "count") else other}))


def test_a_preview_is_of_the_hosts_chosen(with_hosts: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate_survey(
        with_hosts, name="other", spec=DemoSpec(count=32, lens_fraction=0, size=40, seed=2), processes=1
    )
    app = open_paint(source="sky")
    assert _cut_first(app) == "64"
    app.multiselect(key="paint-hosts").set_value(["other"]).run()
    assert _cut_first(app) == "32"
    app.multiselect(key="paint-hosts").set_value(["other", "sky"]).run()
    assert _cut_first(app) == "96"
    monkeypatch.setattr(paint_page, "AT_ONCE", 1)
    app.multiselect(key="paint-hosts").set_value(["sky"]).run()
    assert not figures_of(app.main)
    assert not app.dataframe


def _cut_first(app: AppTest) -> str:
    [table] = app.dataframe
    return str(table.value["left"].iloc[0])


def test_a_source_of_the_same_name_as_one_that_is_gone_is_previewed_anew(with_hosts: Workspace) -> None:
    spec = PaintSpec(hosts=("sky",))
    before = preview_painting(with_hosts, spec)
    delete(with_hosts, "source", "sky")
    empty_trash(with_hosts, overdue=False)
    simulate_survey(
        with_hosts, name="sky", spec=DemoSpec(count=32, lens_fraction=0, size=40, seed=2), processes=1
    )
    assert preview_painting(with_hosts, spec).counts != before.counts


def test_lenses_at_a_limit_and_arcs_brighter_than_hosts_are_told_with_what_to_change():
    told = partial(doubts_in_words, redshift_method="best_fit")
    columns = {
        "redshift": np.array([0.8] * 30 + [0.4] * 70),
        "velocity_dispersion_km_s": np.array([400.0] * 4 + [220.0] * 96),
        "arc_to_host_flux": np.array([2.0] * 23 + [0.2] * 77),
    }
    assert told(columns) == (
        "Lenses to doubt: 30 % have the largest z lens that colours tell, 0.8 (give a *Column of redshifts* "
        "(Lenses)); 4 % have the largest σ (km/s) allowed, 400 (give a *Column of velocity dispersions* "
        "(Lenses) or a fainter *Brightest (mag)* (Hosts)); 23 of 100 have arcs that outshine their hosts "
        "(raise the lowest *Magnitude* of Sources, or lower the highest *S/N of the arcs*)."
    )
    assert told({name: values[50:] for name, values in columns.items()}) == ""
    assert told({"arc_to_host_flux": np.empty(0)}) == ""
    # Posteriors go on to a redshift of 1, and a column beyond.
    assert "largest z" not in doubts_in_words(columns, redshift_method="posterior")
    at_end = {"redshift": np.array([1.0] * 5 + [1.4] * 10 + [0.4] * 85)}
    assert "5 % have the largest z lens that colours tell, 1 " in doubts_in_words(
        at_end, redshift_method="posterior"
    )
