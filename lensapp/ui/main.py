"""The script inside the app: the frame and its pages, run for every session and every rerun."""

from pathlib import Path

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.ui import sidebar
from lensapp.ui.widgets import error_box

PAGES = Path(__file__).parents[2] / "pages"
GROUPS = {
    "Survey": (
        ("home", "Home", ":material/home:"),
        ("data", "Data", ":material/photo_library:"),
        ("split", "Split", ":material/call_split:"),
    ),
    "Network": (
        ("train", "Train", ":material/model_training:"),
        ("evaluate", "Evaluate", ":material/query_stats:"),
        ("score", "Score", ":material/stacked_bar_chart:"),
    ),
    "People": (
        ("inspect", "Inspect", ":material/grid_view:"),
        ("catalogue", "Catalogue", ":material/table_chart:"),
    ),
}


def main() -> None:
    """Show the frame and run the page of the address."""
    st.set_page_config(page_title="Lens finding workbench", page_icon=":material/lens_blur:", layout="wide")
    groups = {
        name: [page(*entry) for entry in entries if (PAGES / f"{entry[0]}.py").is_file()]
        for name, entries in GROUPS.items()
    }
    chosen = st.navigation(groups, expanded=True)
    try:
        sidebar.show()
        chosen.run()
    except LensAppError as error:
        error_box(error)


def page(name: str, title: str, icon: str) -> st.Page:
    """Return the page in `pages/NAME.py` under the address `/NAME`."""
    return st.Page(PAGES / f"{name}.py", title=title, icon=icon, url_path=name, default=name == "home")


main()
