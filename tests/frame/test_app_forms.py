"""Forms made from specifications."""

import ast
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field
from streamlit.testing.v1 import AppTest

from lensapp.core.config import Spec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.ui.shared.forms import make_field
from support.pages_workspace import full_workspace, open_page

UI = Path(__file__).parents[2] / "lensapp" / "ui"


class SkySpec(Spec):
    """A specification with one field of each kind."""

    version: Literal[1] = Field(1, description="Version.")
    seeing_arcsec: float = Field(0.7, gt=0, le=5, description="Width of the point spread.")
    count: int = Field(3, ge=1, le=9, description="How many.")
    kind: Literal["space", "ground"] = Field("ground", description="Where from.")
    bands: tuple[str, ...] = Field(("g", "r"), description="Bands.")
    scale: float | None = Field(None, gt=0, description="Optional scale.")
    masked: bool = Field(default=True, description="Mask bad pixels.")
    hdus: str = Field("", title="HDUs", description="Which parts of a file hold images.")


def sky_form() -> None:
    import streamlit as st
    from test_app_forms import SkySpec

    from lensapp.ui.shared.forms import spec_form

    st.session_state["result"] = spec_form(SkySpec, key="sky", submit="Go")


def training_form() -> None:
    import streamlit as st

    from lensapp.core.train.training_spec import TrainingSpec
    from lensapp.ui.shared.forms import spec_form

    st.session_state["result"] = spec_form(
        TrainingSpec, key="training", submit="Go", values={"epochs": 7}, skip=("network",)
    )


def test_a_form_sent_untouched_gives_the_defaults():
    form = AppTest.from_function(sky_form, default_timeout=60).run()
    assert form.session_state["result"] is None
    form.button[0].click().run()
    assert not form.exception
    assert form.session_state["result"] == SkySpec()


def narrow_form() -> None:
    from test_app_forms import SkySpec

    from lensapp.ui.shared.forms import spec_fields

    spec_fields(SkySpec, key="narrow", only=("count", "kind", "scale", "masked"), room=20)


def test_alternatives_too_wide_for_half_a_row_have_a_row_of_their_own():
    form = AppTest.from_function(narrow_form, default_timeout=60).run()
    assert [len(column.children) for column in form.columns] == [1, 0, 1, 1, 1]


def test_what_is_entered_reaches_the_specification():
    form = AppTest.from_function(sky_form, default_timeout=60).run()
    form.number_input(key="sky-count").set_value(5)
    form.text_input(key="sky-bands").input("r, i ,z")
    form.checkbox(key="sky-masked").uncheck()
    form.number_input(key="sky-scale").set_value(0.25)
    form.button[0].click().run()
    assert form.session_state["result"] == SkySpec(count=5, bands=("r", "i", "z"), masked=False, scale=0.25)


def test_a_refused_value_is_explained_and_nothing_is_returned():
    form = AppTest.from_function(sky_form, default_timeout=60).run()
    form.number_input(key="sky-seeing_arcsec").set_value(0.0)
    form.button[0].click().run()
    assert form.session_state["result"] is None
    assert "Seeing (arcsec) must be a number above 0, at most 5, not 0.0" in form.error[0].value


def test_a_number_beyond_its_bound_is_refused_instead_of_reset():
    form = AppTest.from_function(training_form, default_timeout=60).run()
    assert "At least 1, at most 10000." in form.number_input(key="training-epochs").help
    form.number_input(key="training-epochs").set_value(99_999_999_999)
    form.button[0].click().run()
    assert not form.exception
    assert form.session_state["result"] is None
    refusal = "Epochs must be a whole number at least 1, at most 10000, not 99999999999."
    assert refusal in form.error[0].value.replace("\\", "")  # Markdown's escapes are not shown


def test_nested_specifications_and_their_alternatives_are_part_of_the_form():
    form = AppTest.from_function(training_form, default_timeout=60).run()
    form.selectbox(key="training-schedule-kind").select("step")
    form.button[0].click().run()
    form.button[0].click().run()
    assert not form.exception
    result = form.session_state["result"]
    assert isinstance(result, TrainingSpec)
    assert result.schedule.kind == "step"
    assert result.epochs == 7


@pytest.mark.parametrize(
    ("name", "label"),
    [("seeing_arcsec", "Seeing (arcsec)"), ("count", "Count"), ("masked", "Masked"), ("hdus", "HDUs")],
)
def test_labels_are_titles_or_words_with_the_unit_in_brackets(name, label):
    assert make_field(name, SkySpec.model_fields[name], {}, key="k").label == label


def test_alternatives_stand_side_by_side_only_where_their_words_fit():
    form = AppTest.from_function(training_form, default_timeout=60).run()
    lists = {box.key for box in form.selectbox}
    rows = {row.key for row in form.button_group}
    for name in ("monitor", "loss", "optimizer", "precision"):  # cut in a third of a page of 1280 pixels
        assert f"training-{name}" in lists
    for name in ("class_weights", "weight_decay_as"):
        assert f"training-{name}" in rows


@pytest.mark.parametrize(
    ("entered", "taken", "said"),
    [
        (4, 4, None),
        (0, 1, "Page: 1 to 9 are possible; 1 is taken."),
        (99_999, 9, "Page: 1 to 9 are possible; 9 is taken."),
    ],
)
def test_a_number_outside_its_limits_is_told_and_the_nearest_one_taken(
    entered: int, taken: int, said: str | None
) -> None:
    def script() -> None:
        import streamlit as st

        from lensapp.ui.shared.address import any_whole, kept
        from lensapp.ui.shared.widgets import number_within, optional_within

        row, below = st.container(horizontal=True), st.container(key="below")
        with row:
            st.session_state["page"] = number_within(
                "Page", 1, 9, said_in=below, step=1, **kept("page-number", any_whole(), 3)
            )
        st.session_state["empty"] = optional_within("Score", 0.0, 1.0, value=None, key="score")

    form = AppTest.from_function(script).run()
    form.number_input(key="page-number").set_value(entered).run()
    assert not form.exception
    assert (form.session_state["page"], form.session_state["empty"]) == (taken, None)
    told = [caption.value for caption in form.caption]
    assert told == ([] if said is None else [f":orange[:material/warning: {said}]"])
    assert form.number_input(key="page-number").value == entered  # as it was typed, to be mended


def test_what_a_component_tells_is_none_where_its_place_in_the_session_is_not_known():
    def script() -> None:
        import streamlit as st

        from lensapp.ui.shared.client_modules import told_by

        st.session_state["known"] = {"name": "Ada"}
        st.text(f"{told_by('known', 'name')} {told_by('known', 'other')} {told_by('unknown', 'name')}")

    page = AppTest.from_function(script).run()
    assert page.text[0].value == "Ada None None"


def test_every_field_for_a_number_tells_its_limits() -> None:
    """With limits of its own a field keeps a number outside them to itself; the page goes on without it.

    Those of specifications are told when the form is sent.
    """
    telling = {"shared/widgets.py": "optional_within", "shared/forms.py": "_number"}
    of_their_own = [
        f"{path.relative_to(UI)}:{name}"
        for path in sorted(UI.rglob("*.py"))
        for name, call in _calls_by_function(path)
        if getattr(call.func, "attr", None) == "number_input"
        and (telling.get(str(path.relative_to(UI))) != name or call.args[1:])
    ]
    assert not of_their_own


def _calls_by_function(path: Path) -> list[tuple[str, ast.Call]]:
    functions = [
        one for one in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(one, ast.FunctionDef)
    ]
    return [(one.name, call) for one in functions for call in ast.walk(one) if isinstance(call, ast.Call)]


def test_every_button_has_a_key():
    """Without one it is known by its words, colour and help: a click is lost as one of them changes."""
    without = [
        f"{path.relative_to(UI)}:{call.lineno}"
        for path in sorted(UI.rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("button", "download_button", "link_button")
        and not {"key", None} & {keyword.arg for keyword in call.keywords}
    ]
    assert not without


@pytest.mark.parametrize(
    ("page", "key"),
    [("split", "split-name"), ("train", "new-run-FAST-name"), ("experiments", "new-kfold-FAST-name")],
)
def test_a_name_that_nothing_can_have_is_marked_below_its_field_as_it_is_typed(page, key, folder):
    full_workspace(folder)
    app = open_page(page)

    def marked():
        return [one.value for one in app.caption if "begin with a letter or digit" in one.value]

    for name, count in (("", 0), ("bad/name", 1), ("good-name.2", 0), ("../é", 1)):
        app.text_input(key=key).set_value(name).run()
        assert not app.exception
        assert len(marked()) == count, name
