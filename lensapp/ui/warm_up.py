"""What pages load at their first showing, loaded once the server has begun: nobody then waits for it."""

import asyncio
import gc
import importlib
import pkgutil

import plotly.graph_objects as go

import lensapp.ui
from lensapp.ui.shared.figures import template_of

BEFORE_SECONDS = 5.0  # the page that was opened with the server comes first
BESIDES = (
    "streamlit.emojis",  # the first label with an icon compiles its pattern, for half a second
    "scipy.stats",  # which tests of Compare, Replay and Home load where they need it, for a second
)
NOT_ALONE = ("lensapp.ui.main",)  # is run by Streamlit, for somebody


async def warm_up() -> None:
    """Load what all pages need, a while after the start."""
    await asyncio.sleep(BEFORE_SECONDS)
    await asyncio.to_thread(load_pages)
    set_aside_what_stays()


def load_pages() -> None:
    """Import the modules of all pages, and what Plotly puts off until the first figure."""
    of_pages = [module.name for module in pkgutil.walk_packages(lensapp.ui.__path__, "lensapp.ui.")]
    for name in (*of_pages, *BESIDES):
        if name not in NOT_ALONE:
            importlib.import_module(name)
    figure = go.Figure([go.Scatter(y=[0]), go.Bar(y=[0]), go.Heatmap(z=[[0]])])
    figure.to_json()
    template_of("dark")


def set_aside_what_stays() -> None:
    """Leave modules and all else that lives now out of garbage collection.

    Streamlit collects all generations at the end of each run of a page, before the browser hears that it has
    ended. 300 000 objects of libraries, of which none ever goes, take 0.2 s each time, in which the server
    answers nobody; without them it is some milliseconds.
    """
    gc.collect()
    gc.freeze()
