"""The script inside the app: the frame and its pages, run for every session and every rerun."""

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from lensapp.core.acting import Role, acting_as
from lensapp.core.errors import LensAppError
from lensapp.core.once import asking_once
from lensapp.ui.access.identity import session_of_page
from lensapp.ui.access.pages import PAGES_OF
from lensapp.ui.gallery.component import reload_page
from lensapp.ui.home.no_page import missing_page
from lensapp.ui.shared.page_head import forget_head, refresh_head
from lensapp.ui.shared.state import PAGES, get_workspace, keep_going, read_address, theme, whole_run
from lensapp.ui.shared.widgets import empty_state, error_box
from lensapp.ui.sidebar import refresh_jobs, show_sidebar

HERE = Path(__file__).parent
ABOUT = (
    "**Lens finding workbench**\n\nTrain networks on cutouts of galaxies, inspect what they find, feed the "
    "grades back, export the catalogue. BSD-3-Clause."
)
GROUPS = {
    "Survey": (
        ("home", "Home", ":material/home:"),
        ("data", "Data", ":material/photo_library:"),
        ("paint", "Paint", ":material/brush:"),
        ("split", "Split", ":material/call_split:"),
    ),
    "Network": (
        ("train", "Train", ":material/model_training:"),
        ("experiments", "Experiments", ":material/science:"),
        ("evaluate", "Evaluate", ":material/query_stats:"),
        ("compare", "Compare", ":material/leaderboard:"),
        ("score", "Score", ":material/stacked_bar_chart:"),
        ("features", "Features", ":material/scatter_plot:"),
    ),
    "People": (
        ("inspect", "Inspect", ":material/grid_view:"),
        ("team", "Team", ":material/groups:"),
        ("catalogue", "Catalogue", ":material/table_chart:"),
        ("replay", "Replay", ":material/replay:"),
    ),
    "Workspace": (("workspace", "Workspace", ":material/hard_drive:"),),
}


def main() -> None:
    """Show the frame and run the page of the address, in the name of who looks at it."""
    st.set_page_config(
        page_title="Lens finding workbench",
        page_icon=HERE / "icon.svg",
        layout="wide",
        menu_items={"About": ABOUT},  # with an entry of its own the menu, and in it the theme, is shown
    )
    try:
        actor = session_of_page(get_workspace(), in_use=True)
    except LensAppError as error:  # the database is away
        error_box(error)
        return
    if actor is None:  # logged out, expired or removed: what answers a reload is the log-in page
        reload_page(key="log-in-again")
        return
    with acting_as(actor), asking_once():
        _show(actor.role)


def _show(role: Role) -> None:
    """Show the frame and the page of the address, where it is open to the role."""
    titles = {name: title for entries in GROUPS.values() for name, title, _ in entries}
    missing = missing_page({name: title for name, title in titles.items() if name in PAGES_OF[role]}, titles)
    groups = _pages_by_group(role)
    if missing is not None:
        groups["Workspace"].append(missing)
    page = st.navigation(groups, expanded=True)
    name = page.url_path or "home"
    if name == "home" and name not in PAGES_OF[role]:  # the app opens with what there is to do
        st.switch_page(PAGES / "inspect.py", query_params=st.query_params.to_dict())
    keep_going()
    read_address(page.url_path)
    st.html(HERE / "frame.css")
    drawing = (HERE / "icon.svg").read_text("utf-8")
    text_colour = "#e8eaed" if theme() == "dark" else "#1a1e23"
    wordmark = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 190 32" width="190" height="32">'
        f'{drawing}<text x="40" y="21.5" font-family="Inter, Segoe UI, system-ui, DejaVu Sans, sans-serif" '
        f'font-size="15" font-weight="600" fill="{text_colour}">Lens workbench</text></svg>'
    )
    st.logo(wordmark, size="medium", icon_image=HERE / "icon.svg")
    with whole_run():
        try:
            forget_head()
            show_sidebar()
            if name in PAGES_OF[role] or page is missing:
                page.run()
            else:
                empty_state(
                    f"{page.title} is not open to you",
                    f"Your role here is {role}. An administrator can give you another.",
                    icon=":material/lock:",
                )
            refresh_head()
            refresh_jobs()
        except LensAppError as error:
            error_box(error)


def _pages_by_group(role: Role) -> dict[str, list[StreamlitPage]]:
    """Return the pages as the sidebar lists them."""
    return {
        group: [
            st.Page(
                PAGES / f"{name}.py",
                title=title,
                icon=icon,
                url_path=name,
                default=name == "home",
                # The link to the page Workspace stands at the bottom.
                visibility="visible" if name in PAGES_OF[role] - {"workspace"} else "hidden",
            )
            for name, title, icon in entries
        ]
        for group, entries in GROUPS.items()
    }


main()
