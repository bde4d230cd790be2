"""The page that paints: without hosts, its preview, and the job that it queues."""

import re
from functools import partial

import numpy as np
import pytest

from lensapp import jobs
from lensapp.core.data.paint_spec import PaintSpec
from lensapp.services.data.demo import simulate_survey
from lensapp.services.data.paint_preview import preview_painting
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
    assert not any("Last: **" in one.value for one in app.markdown)
    app.number_input(key="paint-count").set_value(100)
    app.button(key="paint-try").click().run()
    hosts = preview_painting(with_hosts, PaintSpec(hosts=("sky",), count=100))
    assert hosts.nonlenses is not None
    told = f"{hosts.nonlenses} of the 100 non-lenses asked for: "
    assert hosts.nonlenses < 100
    assert any(one.value.startswith(told) for one in app.warning)
    paint_source(with_hosts, name="arcs", spec=PaintSpec(hosts=("sky",), count=100), processes=1)
    app = open_paint()
    words = f"Last: **arcs**, 100 lenses, {hosts.nonlenses} non-lenses."
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
    assert any("press Preview" in one.value for one in page.markdown)
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
    assert len(preview.pictures) == 24
    figure = corner_figure(preview.columns, colour="#e69f00")
    count = len(AXES)
    assert len(figure.data) == count * (count + 1) // 2
    radii = preview.columns["einstein_radius_arcsec"]
    assert any(np.array_equal(trace.x, radii) for trace in figure.data if trace.type == "scatter")
    assert [trace.y.sum() for trace in figure.data if trace.type == "bar"] == [len(radii)] * count


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
    offered = app.button(key="paint-fewer")
    offered.click().run()
    assert not app.exception
    count = app.number_input(key="paint-count").value
    assert f"Set {count} lenses" == offered.label.replace("\u202f", "")
    assert "paint-fewer" not in [one.key for one in app.button]
