"""The split page: live preview, freezing, versions."""

from base64 import b64decode
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lensapp.storage import datasets
from lensapp.ui.split.figures import is_even
from lensapp.ui.split.versions import made_in_words
from support.pages_workspace import figures_of, open_page
from support.small_surveys import add_source, make_survey

PROJECT = Path(__file__).parents[2]


open_split = partial(open_page, "split", patience=60)


def test_without_a_source_the_page_says_what_will_appear(workspace):
    app = open_split()
    assert not app.exception
    assert any("Nothing to split yet" in element.value for element in app.markdown)


@pytest.mark.parametrize(("lens_every", "lacks"), [(1, "non-lenses"), (99, "lenses")])
def test_sources_of_one_class_offer_the_ways_to_the_other(workspace, lens_every, lacks):
    cutouts = (
        [{"candidate_id": f"c{row}", "label": "nonlens"} for row in range(20)] if lens_every > 1 else None
    )
    add_source(workspace, "one-class", count=20, lens_every=lens_every, cutouts=cutouts)
    add_source(workspace, "fits", count=20)
    add_source(workspace, "other-bands", count=20, bands=("J", "H"))
    add_source(workspace, "same-class", count=20, lens_every=1, cutouts=cutouts)
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    app.query_params["sources"], app.query_params["where"] = "one-class", 'label != "other"'
    app.switch_page(str(PROJECT / "pages" / "split.py")).run()
    assert any(f"For that add a source of {lacks}" in one.value for one in app.warning)
    offered = {one.key for one in app.button if one.key and one.key.startswith(("split-add", "split-paint"))}
    assert offered == {"split-add-fits"} | ({"split-paint"} if lacks == "lenses" else set())
    freeze = next(one for one in app.button if one.label == "Freeze this dataset version")
    assert freeze.proto.type == "secondary"
    app.button(key="split-add-fits").click().run()
    assert app.multiselect(key="split-sources").value == ["one-class", "fits"]
    assert not any("For that add" in one.value for one in app.warning)
    # Only what was asked for: half of the other source is of the class that is there already.
    added = 13 if lacks == "non-lenses" else 7
    assert any(one.value.startswith(f"**{20 + added}** cutouts in") for one in app.markdown)
    app.multiselect(key="split-sources").set_value(["one-class"]).run()
    app.button(key="split-import-class").click().run()
    assert app.query_params["view"] == "import"


def test_of_a_demo_without_labels_the_one_beside_it_is_split(workspace):
    for name, labelled in (("demo1", True), ("demo1-survey", False), ("demo2", True)):
        add_source(workspace, name, count=20, kind="demo", labelled=labelled)
    for selected, chosen in (("demo1-survey", "demo1"), ("demo2", "demo2"), ("demo1", "demo1")):
        assert open_split(source=selected).multiselect(key="split-sources").value == [chosen]


def test_lenses_alone_lead_to_objects_found_in_larger_images(workspace):
    cutouts = [{"candidate_id": f"c{row}", "label": "lens"} for row in range(20)]
    add_source(workspace, "lenses", count=20, lens_every=1, cutouts=cutouts)
    add_source(workspace, "other-scale", count=3, size=90, labelled=False, pixel_scale_arcsec=0.1)
    fields = add_source(workspace, "fields", count=3, size=40, labelled=False)
    add_source(workspace, "newer", count=4, size=12)  # nothing that the page is about
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    app.query_params["sources"] = "lenses"
    app.switch_page(str(PROJECT / "pages" / "split.py")).run()
    app.button(key="split-find").click().run()
    assert (app.query_params["view"], app.query_params["source"]) == ("objects", "fields")
    size = next(one for one in app.number_input if one.label == "Size (pixels)")
    assert size.value == 8  # as the labelled cutouts, so that both can be split together
    assert app.selectbox(key=f"find-alike-{fields.id}").value == "lenses"


def test_magnitudes_say_of_how_many_cutouts_they_tell(workspace):
    cutouts = [
        {"candidate_id": f"c{row}", "label": "lens" if row % 2 else "nonlens"}
        | ({"properties": {"mag_r": 18.0 + row}} if row < 12 else {})
        for row in range(40)
    ]
    add_source(workspace, "some", count=40, cutouts=cutouts)
    app = open_split()
    assert any("Only the 12 of 40 cutouts that have a magnitude." in one.value for one in app.caption)
    freeze = next(one for one in app.button if one.label == "Freeze this dataset version")
    assert freeze.proto.type == "primary"


def test_classes_of_different_brightness_are_told_of_and_nonlenses_alike_are_a_click(workspace):
    cutouts = [
        {
            "candidate_id": f"c{row}",
            "label": "nonlens" if row % 3 else "lens",
            "properties": {"mag_r": 18.0 + row % 3 + row / 40},
        }
        for row in range(60)
    ]
    add_source(workspace, "some", count=60, cutouts=cutouts)
    app = open_split()
    (told,) = (one.value for one in app.warning if "brightness" in one.value)
    assert "The median mag r of the lenses is 18.7 (80 % between 18.1 and 19.3)" in told
    assert any("Median: lenses 18.7, non-lenses 20.2" in one.value for one in app.caption)
    app.button(key="split-as-bright").click().run()
    assert app.text_input(key="split-filter").value == 'label == "lens" | 18.1 <= mag_r <= 19.3'
    assert not any("brightness" in one.value for one in app.warning)
    assert "split-as-bright" not in [one.key for one in app.button]


def test_magnitudes_of_some_hundred_cutouts_are_not_in_a_handful_of_bins(workspace):
    make_survey(workspace, count=60)
    app = open_split()
    charts = figures_of(app)
    magnitudes = next(one for one in charts if "(mag)" in str(one["layout"]["xaxis"].get("title")))
    middles = np.frombuffer(b64decode(magnitudes["data"][0]["x"]["bdata"]))
    assert len(middles) >= 10


def test_one_class_alone_has_no_even_share(workspace):
    add_source(workspace, "lenses", count=30, lens_every=1)
    app = open_split()
    titles = " ".join(one.value for one in app.markdown)
    assert "Each part holds the same share of lenses" not in titles
    assert "Lenses in each part" in titles


def test_the_shares_follow_the_slider(workspace):
    make_survey(workspace, count=40)
    app = open_split()
    assert not app.exception
    app.slider(key="split-cuts").set_range(40, 60).run()
    assert any(caption.value.startswith("training 40 · validation 20") for caption in app.caption)


def test_a_frozen_version_appears_and_is_selected(workspace):
    make_survey(workspace, count=40)
    app = open_split()
    app.text_input(key="split-name").input("mine").run()
    next(button for button in app.button if button.label == "Freeze this dataset version").click().run()
    assert not app.exception
    assert [dataset.name for dataset in datasets.list_datasets(workspace.database)] == ["mine"]
    assert "mine" in app.query_params["dataset"]
    freeze = next(button for button in app.button if button.label == "Freeze this dataset version")
    following = next(button for button in app.button if button.label == "Train on mine")
    assert (freeze.proto.type, following.proto.type) == ("secondary", "primary")
    columns = list(next(one.value for one in app.dataframe if "version" in one.value))
    assert not {"second test", "note"} & set(columns)  # which no version has


def test_a_name_that_is_taken_is_refused_with_the_remedy(workspace):
    make_survey(workspace, count=40)
    app = open_split()
    app.text_input(key="split-name").input("mine").run()
    for _ in range(2):
        next(button for button in app.button if button.label == "Freeze this dataset version").click().run()
    assert "Choose another" in app.error[0].value


def test_the_newest_labelled_source_is_chosen_first(workspace):
    make_survey(workspace, count=40)
    add_source(workspace, "unlabelled", labelled=False)
    app = open_split()
    assert not app.exception
    assert not app.error
    assert app.multiselect(key="split-sources").value == ["small"]


def test_without_any_label_the_page_says_how_to_get_some(workspace):
    add_source(workspace, "unlabelled", labelled=False)
    app = open_split()
    assert not app.exception
    assert not app.error
    assert any("No source has labels yet" in element.value for element in app.markdown)


def test_shares_are_not_called_the_same_where_a_part_is_empty():
    assert is_even([10, 2, 2], [20, 4, 4])
    assert not is_even([10, 2, 0], [20, 4, 0])
    assert not is_even([10, 1, 2], [20, 4, 4])


def test_a_version_leads_to_its_cross_validation_and_is_called_as_the_form_says(workspace):
    make_survey(workspace, name="sky", count=40)
    app = open_split(source="sky")
    app.number_input(key="split-folds").set_value(4).run()
    assert any("all networks are measured on the same folds" in one.value for one in app.caption)
    assert app.text_input(key="split-name").placeholder == "sky-v1"
    next(one for one in app.button if one.label == "Freeze this dataset version").click().run()
    [version] = datasets.list_datasets(workspace.database)
    assert version.name == "sky-v1"
    assert app.text_input(key="split-name").placeholder == "sky-v2"
    app.button(key="cross-validate-version").click().run()
    assert any("was split with 4 folds; these are used" in one.value for one in app.caption)


def test_how_a_version_was_made_is_said_in_a_few_words():
    assert made_in_words({"split": {"train": 0.6, "validation": 0.1, "test": 0.3}}) == "60 / 10 / 30"
    split = {"folds": 5, "where": "mag_r < 20", "max_nonlens_per_lens": 4.0, "seed": 3}
    assert made_in_words({"split": split, "known_lenses": {"file": "known.csv"}}) == (
        "56 / 14 / 30 · 5 folds · mag_r < 20 · 4 non-lenses per lens · without known lenses · seed 3"
    )
    assert made_in_words({"kind": "feedback"}) == "from votes"
    assert made_in_words({}) == ""


def test_the_frozen_versions_stand_beside_the_form_which_is_as_tall_as_the_window(workspace):
    make_survey(workspace, count=40)
    page = open_split()
    assert any("Frozen versions" in [one.value for one in column.subheader] for column in page.columns)
