"""The page on which one logs in: plain HTML, since nothing of the app is served before."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, Template
from streamlit import config

from lensapp.core.acting import Mode

HERE = Path(__file__).parent
COLOURS = {
    "ground": "backgroundColor",
    "field": "secondaryBackgroundColor",
    "text": "textColor",
    "faint": "grayTextColor",
    "line": "borderColor",
    "accent": "primaryColor",
}


def log_in_page(
    *, mode: Mode, action: str, wanted: str, name: str = "", problem: str = "", notice: str = ""
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    mode
        What is asked for: the start-up token (alone), name and password, or to go to the provider.
    action
        Where the form is sent.
    wanted
        Where to go afterwards.
    name, problem
        What was entered before, and what was wrong with it.
    notice
        Why one is asked, where it is not plain.
    """
    return _template().render(
        mode=mode, action=action, wanted=wanted, name=name, problem=problem, notice=notice,
        themes=theme_colours(), mark=(HERE.parent / "icon.svg").read_text("utf-8"),
    )  # fmt: skip


def theme_colours() -> dict[str, dict[str, str]]:
    """Return the colours of both themes as the app has them."""
    return {
        theme: {name: str(config.get_option(f"theme.{theme}.{key}")) for name, key in COLOURS.items()}
        for theme in ("dark", "light")
    }


@cache
def _template() -> Template:
    text = (HERE / "log_in.html").read_text("utf-8")
    return Environment(autoescape=True).from_string(text)
