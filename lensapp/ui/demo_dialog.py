"""The dialog that simulates a survey."""

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.services.demo import start_demo
from lensapp.simulation.survey import DemoSpec
from lensapp.storage import sources
from lensapp.ui.forms import spec_fields, validated
from lensapp.ui.state import await_source, get_workspace
from lensapp.ui.widgets import error_box


@st.dialog("Make a demo survey", icon=":material/auto_awesome:")
def demo_dialog() -> None:
    """Ask for the settings of a simulated survey and queue its making."""
    with st.form("demo-form", border=False):
        name = st.text_input("Name", _free_name(), help="Letters, digits, '.', '_' and '-'.")
        entered = spec_fields(DemoSpec, key="demo")
        sent = st.form_submit_button("Make it", type="primary")
    st.caption("It is made in the background; the sidebar shows how far it is.")
    if not sent:
        return
    spec = validated(DemoSpec, entered)
    if spec is None:
        return
    try:
        _start(name, spec)
    except LensAppError as error:
        error_box(error)
        return
    st.rerun()


def _start(name: str, spec: DemoSpec) -> None:
    start_demo(get_workspace(), name=name, spec=spec)
    await_source(name)


def _free_name() -> str:
    taken = {source.name for source in sources.list_sources(get_workspace().database)}
    count = 1
    while f"demo{count}" in taken:
        count += 1
    return f"demo{count}"
