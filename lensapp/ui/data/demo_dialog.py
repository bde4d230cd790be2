"""The dialog that simulates a survey."""

import streamlit as st

from lensapp.services.data.demo import free_name, start_demo
from lensapp.simulation.survey import DemoSpec
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.state import await_source, get_workspace
from lensapp.ui.shared.widgets import errors_shown


@st.dialog("Make a demo survey", icon=":material/auto_awesome:")
def demo_dialog() -> None:
    """Ask for the settings of a simulated survey and queue its making."""
    with st.form("demo-form", border=False):
        suggestion = free_name(get_workspace())
        name = st.text_input(
            "Name",
            key="demo-name",
            placeholder=suggestion,
            help="Letters, digits, '.', '_' and '-'; empty takes the name shown.",
        )
        entered = spec_fields(DemoSpec, key="demo")
        refusal = st.container()  # beside the button that was pressed
        sent = st.form_submit_button("Make it", type="primary")
    st.caption("It is made in the background; the sidebar shows how far it is.")
    if not sent:
        return
    with refusal, errors_shown():
        spec = validated(DemoSpec, entered)
        if spec is not None:
            start_demo(get_workspace(), name=name.strip() or suggestion, spec=spec)
            await_source(name.strip() or suggestion)
            st.rerun()
