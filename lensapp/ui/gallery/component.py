"""Mount the gallery in a page."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

import streamlit as st

from lensapp.core.data.imaging import choose_rgb
from lensapp.services.data.known_lenses import kept_known_lenses
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.tokens import issue_token
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery.routes import API

FOLDER = Path(__file__).parent
# Each module after those it imports.
MODULES = (
    "stretch", "planes", "panels", "remote", "journal", "settings", "pace", "mosaic", "zoom", "overlay",
    "links", "single", "keys", "toolbar", "votes", "voting", "shelf", "retired", "pages", "facts", "notices",
    "grading", "alike", "controls", "gallery", "mount",
)  # fmt: skip
IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def bundle() -> str:
    """Return the client's modules as one; Streamlit takes the text of a single module.

    Each keeps its private names in a block of its own, only what it exports is seen by the others.
    """
    return "\n".join(_enclosed(FOLDER / "client" / f"{name}.js") for name in MODULES)


def _enclosed(path: Path) -> str:
    source = IMPORT.sub("", path.read_text("utf-8"))
    names = re.findall(r"^export (?:class|(?:async )?function|const) (\w+)", source, re.MULTILINE)
    if "export default" in source:
        return source
    body = EXPORT.sub("", source)
    return f"const {{ {', '.join(names)} }} = (() => {{\n{body}\nreturn {{ {', '.join(names)} }};\n}})();"


@cache
def _component() -> Any:
    return st.components.v2.component(
        "lensapp_gallery",
        html=(FOLDER / "gallery.html").read_text("utf-8"),
        css=(FOLDER / "gallery.css").read_text("utf-8"),
        js=bundle(),
    )


def show_gallery(
    ws: Workspace, *, review: Review, inspector: str, review_names: list[str], on_open: Callable[[str], None]
) -> Any:
    """Show the gallery of a review in the page.

    `on_open` is called with the name of another review that was chosen in the bar, before the page runs.

    Returns
    -------
    The component's result: `create` is true, for one run of the script only, when a new review is wanted.
    """
    key = f"gallery-{review.id}-{inspector}"
    return _component()(
        key=key,
        data=gallery_data(ws, review=review, inspector=inspector, review_names=review_names),
        on_open_change=partial(_tell_opened, key, on_open),
        on_create_change=_nothing,
    )


def _tell_opened(key: str, on_open: Callable[[str], None]) -> None:
    name = st.session_state[key].open
    if name:
        on_open(name)


@cache
def _recalling() -> Any:
    return st.components.v2.component(
        "lensapp_recall_inspector", js=(FOLDER / "client" / "recall.js").read_text("utf-8")
    )


def keep_inspector(*, key: str, name: str, ask: bool, on_name_change: Callable[[], None]) -> None:
    """Keep the inspector's name in the browser; ask for the one used in it last while none is known.

    When the browser knows one, `st.session_state[key].name` holds it and `on_name_change` is called. An
    empty `name` that is not asked for is forgotten.
    """
    _recalling()(key=key, data={"name": name, "ask": ask}, on_name_change=on_name_change, height=1)


def _nothing() -> None:
    """Streamlit reports a trigger only when it has a callback."""


def gallery_data(ws: Workspace, *, review: Review, inspector: str, review_names: list[str]) -> dict[str, Any]:
    """Return what the client needs to begin; candidates, votes and pictures come over HTTP."""
    opened = open_review(ws, review.id)
    source, spec = opened.source, opened.spec
    return {
        "api": API,
        "token": issue_token(ws, review=review, inspector=inspector),
        "workspace": hashlib.sha256(ws.secret().encode()).hexdigest()[:12],
        "review": {
            "id": review.id,
            "name": review.name,
            "size": review.size,
            "order": spec.order,
            "blind": spec.blind,
            "retire": spec.retire,
            "blind_to_others": spec.blind_to_others,
            "scored": review.run_id is not None,
        },
        "reviews": review_names,
        "inspector": inspector,
        "source": source.name,
        "bands": list(source.bands),
        "rgb": list(choose_rgb(source.bands)),
        "gains": opened.levels.gain.tolist(),
        "noise": opened.levels.noise.tolist(),
        "height": source.height,
        "width": source.width,
        "pixel_scale_arcsec": source.pixel_scale_arcsec,
        "known_lenses": kept_known_lenses(ws) is not None,
        "picture_key": opened.picture_key,
        "grades": [asdict(grade) for grade in spec.scheme.grades],
        "contaminants": [asdict(contaminant) for contaminant in spec.classes],
    }
