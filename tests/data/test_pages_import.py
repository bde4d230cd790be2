"""The import on the data page: choosing, the dry run and what it offers, and the import itself."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from PIL import Image
from streamlit.testing.v1 import AppTest

from lensapp import jobs, worker
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.services.data.sources import make_dry_run
from lensapp.storage import queue, sources
from lensapp.ui.data.import_sentence import parts_of
from support.cutout_files import cutout, write_fits
from support.pages_workspace import open_page
from support.small_surveys import make_survey

open_data = partial(open_page, "data", patience=60)


def test_without_a_source_the_page_is_the_import(workspace):
    app = open_data()
    assert not app.exception
    assert app.title[0].value == "Data"


def write_npy(path: Path, *, count: int = 6) -> Path:
    rng = np.random.default_rng(3)
    np.save(path, rng.normal(0, 1, (count, 8, 8, 2)).astype(np.float32))
    return path


def dry_run_of(file: Path) -> AppTest:
    """Return the page with the dry run of a file of two bands."""
    app = open_data()
    app.text_input(key="import-path").input(str(file))
    app.text_input(key="import-bands").input("g,r")
    next(button for button in app.button if button.label == "Dry run").click().run()
    return app


def test_a_dry_run_shows_what_would_be_taken_and_writes_nothing(workspace, tmp_path):
    app = open_data()
    app.text_input(key="import-path").input(str(write_npy(tmp_path / "stack.npy")))
    app.text_input(key="import-bands").input("g, r")
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert not app.exception
    assert any("6 candidates" in element.value for element in app.markdown)
    assert not sources.list_sources(workspace.database)


def test_enter_in_the_field_of_the_path_starts_the_dry_run(workspace):
    app = open_data()
    field = app.text_input(key="import-path")
    button = next(one for one in app.button if one.label == "Dry run")
    assert field.form_id == button.form_id == "import-choice"


def test_confirming_queues_the_import_with_the_settings_of_the_dry_run(workspace, tmp_path):
    app = open_data()
    app.text_input(key="import-path").input(str(write_npy(tmp_path / "stack.npy")))
    app.text_input(key="import-bands").input("g, r")
    next(button for button in app.button if button.label == "Dry run").click().run()
    next(button for button in app.button if button.label == "Import 6").click().run()
    job = jobs.active(workspace.database)[0]
    assert job.payload["name"] == "stack"
    assert job.payload["spec"]["bands"] == ["g", "r"]


def test_a_name_that_is_not_possible_is_refused_where_it_is_typed_and_nothing_is_queued(workspace, tmp_path):
    app = dry_run_of(write_npy(tmp_path / "lenses.npy"))
    name = next(field for field in app.text_input if field.label == "Name of the source")
    name.input("../bad name/é")
    app.button(key="import-sure").click().run()
    assert not app.exception
    assert any("is not a possible name" in error.value for error in app.error)
    assert app.button(key="import-sure").label.startswith("Import 6"), "the dry run stays"
    assert jobs.active(workspace.database) == []


def test_why_an_import_failed_stands_where_it_was_begun(workspace, tmp_path):
    app = dry_run_of(write_npy(tmp_path / "lenses.npy"))
    app.button(key="import-sure").click().run()
    [job] = jobs.active(workspace.database)
    (tmp_path / "lenses.npy").unlink()
    worker.run_job(workspace, queue.claim_job(workspace.database, worker="here"))
    app.run()
    assert not app.exception
    assert any("lenses.npy" in error.value for error in app.error)
    assert f"import-failed-{job.id}-resume" not in {button.key for button in app.button}


def test_the_form_is_empty_again_once_its_import_is_done(workspace, tmp_path):
    app = dry_run_of(write_npy(tmp_path / "lenses.npy"))
    app.button(key="import-sure").click().run()
    worker.run_job(workspace, queue.claim_job(workspace.database, worker="here"))
    app.run()
    assert app.button_group(key="data-view-1").value == "cutouts"
    app.button_group(key="data-view-1").set_value("import").run()
    assert not app.exception
    assert app.text_input(key="import-path").value == ""
    assert not any(one.key == "import-sure" for one in app.button)


def test_a_form_begun_while_an_import_runs_stays_when_that_is_ready(workspace, tmp_path):
    app = open_data()
    app.text_input(key="import-path").input(str(write_npy(tmp_path / "stack.npy")))
    app.text_input(key="import-bands").input("g, r")
    next(button for button in app.button if button.label == "Dry run").click().run()
    next(button for button in app.button if button.label == "Import 6").click().run()
    assert not any(field.key == "import-path" for field in app.text_input)
    next(button for button in app.button if button.label == "Import another set").click().run()
    assert app.text_input(key="import-path").value == ""
    make_survey(workspace, name="older")
    make_survey(workspace, name="stack")
    app.run()
    assert not app.exception
    assert app.button_group(key="data-view").value == "import"
    assert app.text_input(key="import-path").value == ""
    assert "awaited-source" not in app.session_state


def test_of_a_folder_of_several_formats_each_is_offered_as_a_button(workspace, tmp_path):
    write_npy(tmp_path / "stack.npy")
    (tmp_path / "other.fits").write_bytes(b"SIMPLE")
    app = open_data()
    app.text_input(key="import-path").input(str(tmp_path))
    app.text_input(key="import-bands").input("g, r")
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert "1 FITS, 1 NumPy. Choose one with “Layout of the bands”." in app.error[0].value
    offered = {one.key.rpartition("layout-")[2][:4] for one in app.button if "layout-" in str(one.key)}
    assert offered == {"cube", "hdus", "npy-"}
    next(button for button in app.button if button.label == "NumPy").click().run()
    assert not app.exception
    assert any(button.label == "Import 6" for button in app.button)


def test_a_path_that_does_not_exist_is_refused_with_the_remedy(workspace, tmp_path):
    app = open_data()
    app.text_input(key="import-path").input(str(tmp_path / "nowhere"))
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert "does not exist. Choose another folder or file." in app.error[0].value
    assert "nowhere" in app.error[0].value


def test_a_refusal_stands_above_all_that_unfolds_and_folders_stay_to_choose_from(workspace, tmp_path):
    def before_the_ways(app: AppTest) -> bool:
        kinds = [(element.type, getattr(element, "key", None)) for element in app.main]
        return [kind for kind, _ in kinds].index("error") < kinds.index(("button_group", "import-way"))

    app = open_data()
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert "choose one below" in app.error[0].value
    assert before_the_ways(app)
    assert app.get_by_key("import-way").value == "browse"
    app.text_input(key="import-path").input(str(tmp_path / "nowhere"))
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert before_the_ways(app)
    assert app.get_by_key("import-way").value == "browse", "what the path was chosen with stays open"


def test_an_unfinished_import_can_be_discarded_on_the_page(workspace):
    make_survey(workspace)
    sources.create_source(
        workspace.database, name="half", kind="import", bands=("g",), height=8, width=8, slots=1,
        pixel_scale_arcsec=None, spec={},
    )  # fmt: skip
    app = open_data(view="import")
    next(button for button in app.button if button.label == "Discard half").click().run()
    assert not app.exception
    assert [source.name for source in sources.list_sources(workspace.database)] == ["small"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("catalogue.csv", "catalogue.csv"),
        ("catalog.fits", "catalog.fits"),
        ("truth.csv", "catalogue truth.csv"),
    ],
)
def test_the_sentence_of_an_import_does_not_say_catalogue_twice(tmp_path, table, words):
    write_fits(tmp_path / "in" / "lens-100.fits", cutout(0))
    path = tmp_path / "in" / table
    Table({"id": ["lens-100"], "z": [1.0]}).write(path)
    spec = IngestSpec(path=str(tmp_path / "in"), catalogue=str(path), bands=("g",))
    said = [part.words for part in parts_of(make_dry_run(spec))]
    assert f"{words} (1 of 1 have a row)" in said


def test_an_id_pattern_shows_what_it_takes_of_the_ids_and_is_tried_before_the_import(workspace, tmp_path):
    folder = tmp_path / "in"
    for number in range(3):
        write_fits(folder / f"lens-10{number}_recons.fits", cutout(number))
    (tmp_path / "t.csv").write_text("id,z\nlens-100,1\nlens-101,2\n")
    app = open_data(view="import")
    app.text_input(key="import-path").input(str(folder))
    app.text_input(key="import-bands").input("r")
    app.text_input(key="import-catalogue").input(str(tmp_path / "t.csv"))
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert any("0 found in the catalogue" in caption.value for caption in app.caption)
    pattern = next(field for field in app.text_input if field.label == "ID pattern" and "try-" in field.key)
    pattern.input("(.+?)_recons").run()
    assert any("lens-100_recons → lens-100; lens-101_recons" in text.value for text in app.text)
    assert any("IDs of the catalogue: lens-100; lens-101" in text.value for text in app.text)
    next(button for button in app.button if button.label == "Dry run with this pattern").click().run()
    assert not app.exception
    assert any("2 found in the catalogue" in caption.value for caption in app.caption)
    pattern = next(field for field in app.text_input if field.label == "ID pattern" and "try-" in field.key)
    pattern.input("lens[").run()
    assert any("no regular expression" in error.value for error in app.error)


def test_no_id_pattern_is_asked_for_where_all_files_are_in_the_catalogue(workspace, tmp_path):
    folder = tmp_path / "in"
    write_fits(folder / "lens-100.fits", cutout(0))
    (tmp_path / "t.csv").write_text("id,z\nlens-100,1\n")
    app = open_data(view="import")
    app.text_input(key="import-path").input(str(folder))
    app.text_input(key="import-bands").input("r")
    app.text_input(key="import-catalogue").input(str(tmp_path / "t.csv"))
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert any("1 found in the catalogue" in caption.value for caption in app.caption)
    assert not [field for field in app.text_input if "try-pattern" in (field.key or "")]


def test_what_only_tiles_need_is_asked_for_tiles_alone(workspace):
    app = open_data()
    shown = ("import-size_arcsec", "import-virtual")
    keys = {widget.key for widget in (*app.number_input, *app.checkbox)}
    assert not keys & {*shown}
    app.selectbox(key="import-layout").set_value("tiles").run()
    assert not app.exception
    keys = {widget.key for widget in (*app.number_input, *app.checkbox)}
    assert keys >= {*shown}


def test_a_table_beside_the_images_is_offered_and_taken_by_a_click(workspace, tmp_path):
    for number in range(3):
        write_fits(tmp_path / "mine" / f"lens-10{number}.fits", cutout(number))
    (tmp_path / "mine" / "t.csv").write_text("id,is_lens\nlens-100,1\nlens-101,0\nlens-102,0\n")
    app = open_data()
    app.text_input(key="import-path").input(str(tmp_path / "mine"))
    app.text_input(key="import-bands").input("r")
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert any("t.csv lies beside the images" in text.value for text in app.markdown)
    assert not any("t.csv" in warning.value for warning in app.warning)
    next(button for button in app.button if button.label == "Use t.csv").click().run()
    assert not app.exception
    assert not any(button.label == "Use t.csv" for button in app.button)
    next(button for button in app.button if button.label == "Import 3").click().run()
    assert not any("Columns of" in text.value for text in app.markdown)
    spec = jobs.active(workspace.database)[0].payload["spec"]
    assert (spec["catalogue"], spec["label_column"]) == (str(tmp_path / "mine" / "t.csv"), "is_lens")


def test_a_folder_is_browsed_to_and_what_was_recognised_is_changed_part_by_part(
    workspace, tmp_path, monkeypatch
):
    monkeypatch.setenv("LENSAPP_IMPORT_ROOTS", str(tmp_path))
    for number in range(3):
        write_fits(tmp_path / "mine" / f"lens-10{number}.fits", cutout(number))
    (tmp_path / "mine" / "t.csv").write_text("id,kind\nlens-100,GALAXY\nlens-101,STAR\nlens-102,ARC\n")
    app = open_data()
    next(button for button in app.button if button.label.startswith("**mine**")).click().run()
    next(button for button in app.button if button.label == "Use this folder").click().run()
    assert "“Bands”" in app.error[0].value
    assert "--" not in app.error[0].value
    app.text_input(key="import-1-bands").input("r")
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert any(text.value == "**3 candidates**" for text in app.markdown)
    table = next(box for box in app.selectbox if box.label == "Table")
    table.set_value(str(tmp_path / "mine" / "t.csv"))
    app.button(
        key=next(one.key for one in app.button if str(one.key).endswith("Catalogue-change"))
    ).click().run()
    next(box for box in app.selectbox if box.label == "Labels").set_value("kind").run()
    for value, meaning in (("GALAXY", "nonlens"), ("STAR", "out"), ("ARC", "lens")):
        next(box for box in app.selectbox if box.label.startswith(value)).set_value(meaning)
    app.run()
    next(button for button in app.button if button.label == "Look again with these columns").click().run()
    assert not app.exception
    next(button for button in app.button if button.label == "Import 2 (1 of 3 rejected)").click().run()
    spec = jobs.active(workspace.database)[0].payload["spec"]
    assert set(spec["label_meanings"]) == {"GALAXY=nonlens", "STAR=out", "ARC=lens"}
    assert spec["path"] == str(tmp_path / "mine")


def write_pngs(folder: Path, *, count: int = 3) -> Path:
    folder.mkdir(parents=True)
    for seed in range(count):
        pixels = np.random.default_rng(seed).integers(0, 200, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"o{seed}.png")
    return folder


def test_sets_of_bands_that_a_refusal_names_are_offered_as_buttons(workspace, tmp_path):
    for band, number in (("F390W", 1), ("F814W", 2)):
        write_fits(tmp_path / "sets" / f"o{number}_{band}.fits", cutout(number))
    app = open_data()
    app.text_input(key="import-path").input(str(tmp_path / "sets"))
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert "some have F390W and others F814W" in app.error[0].value
    next(button for button in app.button if button.label == "F814W").click().run()
    assert any(button.label == "Import 1" for button in app.button)


def test_a_refusal_asks_for_the_one_setting_that_is_unknown_and_folds_the_others(workspace, tmp_path):
    app = open_data()
    app.text_input(key="import-path").input(str(write_pngs(tmp_path / "pictures")))
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert "red, green and blue" in app.error[0].value
    settings = next(one for one in app.expander if one.label == "All settings")
    assert not settings.proto.expanded
    assert not any(box.key == "import-1-bands" for box in settings.text_input)
    app.text_input(key="import-1-bands").input("z,i,r")
    next(button for button in app.button if button.label == "Dry run with this").click().run()
    assert not app.exception
    assert not app.error
    assert app.session_state["import-values"]["bands"] == ("z", "i", "r")


def test_enter_in_the_one_field_that_is_asked_for_looks_at_the_files(workspace, tmp_path):
    app = open_data()
    app.text_input(key="import-path").input(str(write_pngs(tmp_path / "pictures")))
    next(button for button in app.button if button.label == "Dry run").click().run()
    app.text_input(key="import-1-bands").input("z,i,r").run()
    assert not app.exception
    assert not app.error
    assert app.session_state["import-values"]["bands"] == ("z", "i", "r")
    typed = next(one for one in app.text_input if one.label == "Bands" and "part" in str(one.key))
    typed.input("g,r,i").run()
    assert not app.exception
    assert app.session_state["import-values"]["bands"] == ("g", "r", "i")


def test_usual_bands_of_colour_images_are_taken_by_a_click(workspace, tmp_path):
    app = open_data()
    app.text_input(key="import-path").input(str(write_pngs(tmp_path / "pictures")))
    next(button for button in app.button if button.label == "Dry run").click().run()
    next(button for button in app.button if button.label == "g, r, i").click().run()
    assert not app.error
    assert any(button.label == "Import 3" for button in app.button)
    assert app.session_state["import-values"]["bands"] == ("g", "r", "i")


def test_grades_chosen_as_labels_are_asked_a_threshold_at_once_and_classes_their_meanings(
    workspace, tmp_path
):
    pictures = write_pngs(tmp_path / "pictures", count=4)
    rows = [("o0", 0.3, "A"), ("o1", 1.0, "B"), ("o2", 2.3, "A"), ("o3", 3.0, "B")]
    (pictures / "t.csv").write_text("id,grade,kind\n" + "".join("{},{},{}\n".format(*row) for row in rows))
    app = open_data()
    app.text_input(key="import-path").input(str(pictures))
    next(button for button in app.button if button.label == "Dry run").click().run()
    next(button for button in app.button if button.label == "g, r, i").click().run()
    next(button for button in app.button if button.label == "Use t.csv").click().run()
    asked = [box.key for box in app.text_input if box.label == "Column of the labels"]
    assert not any("part" in key for key in asked)  # not beside the columns, among which it is chosen
    labels = next(box for box in app.selectbox if box.label == "Labels")
    labels.set_value("kind").run()
    assert sum(box.label in {"A · 2", "B · 2"} for box in app.selectbox) == 2
    next(box for box in app.selectbox if box.label == "Labels").set_value("grade").run()
    threshold = next(box for box in app.number_input if box.label == "A lens from this value on")
    assert threshold.value == 1.65  # halfway from 0.3 to 3
    assert not any(box.label.startswith("0.3 ·") for box in app.selectbox)
    way = next(one for one in app.button_group if str(one.key).endswith("-way-grade"))
    way.set_value("classes").run()
    assert any(box.label.startswith("0.3 ·") for box in app.selectbox)
    next(one for one in app.button_group if str(one.key).endswith("-way-grade")).set_value("threshold").run()
    next(box for box in app.number_input if box.label == "A lens from this value on").set_value(2.0).run()
    next(button for button in app.button if button.label == "Look again with these columns").click().run()
    next(button for button in app.button if button.label == "Import 4").click().run()
    spec = jobs.active(workspace.database)[0].payload["spec"]
    assert (spec["label_column"], spec["label_threshold"]) == ("grade", 2.0)


def test_a_table_in_the_folder_above_is_offered_as_one_beside_the_images_is(workspace, tmp_path):
    pictures = write_pngs(tmp_path / "survey" / "cutouts")
    (tmp_path / "survey" / "truth.csv").write_text("id,is_lens\no0,1\no1,0\no2,0\n")
    app = open_data()
    app.text_input(key="import-path").input(str(pictures))
    next(button for button in app.button if button.label == "Dry run").click().run()
    next(button for button in app.button if button.label == "g, r, i").click().run()
    said = ":material/table: truth.csv lies in the folder above the images, not used yet: it can be the"
    assert any(text.value.startswith(said) for text in app.markdown)
    next(button for button in app.button if button.label == "Use truth.csv").click().run()
    assert not any(button.label == "Use truth.csv" for button in app.button)
    assert app.session_state["import-values"]["label_column"] == "is_lens"


def test_one_label_for_all_takes_the_place_of_a_column_of_labels(workspace, tmp_path):
    pictures = write_pngs(tmp_path / "pictures")
    (pictures / "t.csv").write_text("id,is_lens\no0,1\no1,0\no2,0\n")
    app = open_data()
    app.text_input(key="import-path").input(str(pictures))
    next(button for button in app.button if button.label == "Dry run").click().run()
    next(button for button in app.button if button.label == "g, r, i").click().run()
    next(button for button in app.button if button.label == "Use t.csv").click().run()
    part = next(one.key for one in app.button if str(one.key).endswith("Labels-change"))
    box = next(one for one in app.selectbox if one.label == "One label for all" and "part" in one.key)
    box.set_value("lens")
    app.button(key=part).click().run()
    assert not app.exception
    assert not app.error
    values = app.session_state["import-values"]
    assert (values["label_column"], values["same_label"]) == (None, "lens")


def test_where_no_labels_are_recognised_one_for_all_is_a_click(workspace, tmp_path):
    app = open_data()
    app.text_input(key="import-path").input(str(write_npy(tmp_path / "stack.npy")))
    app.text_input(key="import-bands").input("g, r")
    next(button for button in app.button if button.label == "Dry run").click().run()
    next(button for button in app.button if button.label == "All are non-lenses").click().run()
    assert not app.exception
    assert app.session_state["import-values"]["same_label"] == "nonlens"
    assert not any(button.label.startswith("All are ") for button in app.button)


def test_a_folder_that_is_missing_unfolds_no_settings(workspace, tmp_path):
    app = open_data()
    app.text_input(key="import-path").input(str(tmp_path / "nowhere"))
    next(button for button in app.button if button.label == "Dry run").click().run()
    assert ["does not exist" in error.value for error in app.error] == [True]
    assert not next(one for one in app.expander if one.label == "All settings").proto.expanded
