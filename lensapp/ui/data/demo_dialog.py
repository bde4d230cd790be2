"""The dialog that simulates a survey."""

import streamlit as st

from lensapp.services.data.demo import free_demo_name, start_demo_with_survey
from lensapp.services.data.tiled_demo import TiledDemoSpec, start_tiled_demo
from lensapp.simulation.survey import BesideSpec, DemoSpec
from lensapp.ui.shared.forms import field_widget, make_field, spec_fields, validated
from lensapp.ui.shared.state import await_source, get_workspace
from lensapp.ui.shared.widgets import errors_shown, number

FIRST = ("count", "lens_fraction")
COMMON = (*FIRST, "seed")
ASKED_APART = ("survey", "bands", "labelled", *COMMON)
FORMS = {"cutouts": "Cutouts", "tiles": "Survey tiles"}
DURATION = f"{number(3000)} cutouts of the plain survey take about 20 s on two idle processor cores. "
BACKGROUND = "A survey is made in the background; the sidebar shows how far it is."
OF_TILES = ("tile_count", "tile_side")


@st.dialog("Make a demo survey", icon=":material/auto_awesome:")
def demo_dialog() -> None:
    """Ask for the settings of a simulated survey and queue its making."""
    survey = field_widget(make_field("survey", DemoSpec.model_fields["survey"], {}, key="demo"))
    form = st.segmented_control(
        "As",
        list(FORMS),
        default="cutouts",
        required=True,
        format_func=FORMS.__getitem__,
        key="demo-form-of",
        help="Survey tiles are FITS images with a projection and a catalogue, as surveys deliver them: "
        "cutouts are read out of the tiles, and Around in Inspect (Shift W) shows what lies about them.",
    )
    in_tiles = form == "tiles"
    preset = DemoSpec.parse({"survey": survey})
    with st.form("demo-form", border=False):
        suggestion = free_demo_name(get_workspace())
        name = st.text_input(
            "Name",
            key="demo-name",
            placeholder=suggestion,
            help="Letters, digits, '.', '_' and '-'; empty takes the name shown.",
        )
        entered = spec_fields(DemoSpec, key="demo", only=FIRST)
        left, right = st.columns(2)
        with left if in_tiles else right:
            entered |= spec_fields(DemoSpec, key="demo", only=("seed",), columns=1)
        with left:
            beside = {} if in_tiles else spec_fields(BesideSpec, key="demo", columns=1)
        # Their keys have the survey in them: another one shows its own values.
        key, values = f"demo-{survey}", preset.model_dump()
        entered |= spec_fields(DemoSpec, key=key, values=values, skip=ASKED_APART)
        offered = {"bands": tuple(preset.properties.bands)}
        entered |= spec_fields(DemoSpec, key=key, values=values, only=("bands",), offered=offered, columns=1)
        if in_tiles:
            entered |= spec_fields(TiledDemoSpec, key="demo", only=OF_TILES)
        refusal = st.container()  # beside the button that was pressed
        sent = st.form_submit_button("Make it", type="primary")
    st.caption(BACKGROUND if in_tiles else DURATION + BACKGROUND)
    if not sent:
        return
    with refusal, errors_shown():
        spec = validated(TiledDemoSpec if in_tiles else DemoSpec, {**entered, "survey": survey})
        if spec is not None:
            ws, name = get_workspace(), name.strip() or suggestion
            if isinstance(spec, TiledDemoSpec):
                start_tiled_demo(ws, name=name, spec=spec)
            else:
                start_demo_with_survey(ws, name=name, spec=spec, beside=BesideSpec.parse(beside))
            await_source(name)
            st.rerun()
