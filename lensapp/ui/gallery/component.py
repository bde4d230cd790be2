"""Mount the gallery in a page."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from lensapp.core.acting import may
from lensapp.services.data.known_lenses import kept_known_lenses
from lensapp.services.data.pictures import optics_of
from lensapp.services.evaluate.seen_pictures import seen_share
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.parts import example_of_part
from lensapp.services.inspect.queues import is_passing, order_in_words
from lensapp.services.inspect.shares import share_shown
from lensapp.services.inspect.tokens import issue_token
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from lensapp.ui.base_path import base_path
from lensapp.ui.gallery.routes import API, MODULES
from lensapp.ui.shared.client_modules import invisible_component, told_by

FOLDER = Path(__file__).parent


def _text(name: str, **parts: str) -> str:
    """Return the text of a file beside this one, with parts in their places."""
    text = (FOLDER / name).read_text("utf-8")
    for place, part in parts.items():
        text = text.replace(f"{{{place}}}", part)
    return text


@cache
def gallery_html() -> str:
    """Return the elements of the gallery, which the lightbox has too."""
    return _text("gallery.html", display=_text("display.html"))


@cache
def _component() -> Any:
    return st.components.v2.component(
        "lensapp_gallery", html=gallery_html(), css=_text("gallery.css"), js=MODULES.loader("mount")
    )


@cache
def sheet_component() -> Any:
    """Return the component of a contact sheet with its lightbox."""
    html = _text("contact_sheet.html", display=_text("display.html"), gallery=gallery_html())
    css = _text("gallery.css") + _text("contact_sheet.css")
    return st.components.v2.component(
        "lensapp_contact_sheet", html=html, css=css, js=MODULES.loader("mount_sheet")
    )


def show_gallery(
    ws: Workspace,
    *,
    review: Review,
    inspector: str,
    review_names: list[str],
    part: Mapping[str, Any],
    on_open: Callable[[str], None],
    on_part: Callable[[Mapping[str, Any]], None],
) -> Any:
    """Show the gallery of a review in the page, or `part` of it (as `part.js` describes it).

    `on_open` is called with the name of another review chosen in the bar, `on_part` with another part, before
    the page runs.

    Returns
    -------
    The component's result, for one run of the script only: `create` is set when a new review is asked for,
    `go` is the page that is asked for, `features` the source whose features are missing and the run that can
    compute them, `views` is set when those kept of the page are.
    """
    key = f"gallery-{review.id}-{inspector}"

    def open_chosen() -> None:
        name = told_by(key, "open")
        if name:
            on_open(name)

    def tell_part(of: str) -> None:
        """Take the part that comes by itself or with a wish: the browser's address may not say it yet."""
        chosen = told_by(key, of)
        if isinstance(chosen, Mapping):
            on_part(chosen)

    data = gallery_data(ws, review=review, inspector=inspector, review_names=review_names)
    return _component()(
        key=key,
        data=data | {"part": dict(part)},
        on_open_change=open_chosen,
        on_part_change=lambda: tell_part("part"),
        on_views_change=lambda: tell_part("views"),
        on_create_change=lambda: tell_part("create"),
        # Streamlit reports a trigger only when it has a callback.
        on_go_change=lambda: None,
        on_features_change=lambda: None,
        on_renew_change=lambda: None,
    )


def keep_inspector(*, key: str, name: str, ask: bool, on_name_change: Callable[[], None]) -> None:
    """Keep the inspector's name in the browser; ask for the one used in it last while none is known.

    When the browser knows one, `st.session_state[key].name` holds it and `on_name_change` is called. An
    empty `name` that is not asked for is forgotten.
    """
    invisible_component("lensapp_recall_inspector", FOLDER / "recall.js")(
        key=key, data={"name": name, "ask": ask}, on_name_change=on_name_change, height=1
    )


def follow_theme(*, key: str, theme: str) -> None:
    """Run the page again when the browser shows another theme than `theme`, "dark" or "light"."""
    invisible_component("lensapp_follow_theme", FOLDER / "theme.js")(
        key=key, data={"theme": theme}, on_theme_change=lambda: None, height=1
    )


def lead_into_popovers(*, key: str) -> None:
    """Lead the keyboard into what a button opens, and back to the button."""
    invisible_component("lensapp_lead_into_popovers", FOLDER / "popovers.js")(key=key, height=1)


def show_stamps_large() -> None:
    """Have a click show a picture of a sheet that is no cutout yet large, as the lightbox does cutouts."""
    invisible_component("lensapp_stamps", FOLDER / "stamps.js")(key="stamps", data={}, height=1)


def workspace_key(ws: Workspace) -> str:
    """Return what tells this workspace from others in a browser's memory."""
    return hashlib.sha256(ws.secret().encode()).hexdigest()[:12]


def reload_page(*, key: str) -> None:
    """Have the browser load the page anew."""
    invisible_component("lensapp_reload", FOLDER / "reload.js")(key=key, data={}, height=1)


def gallery_data(ws: Workspace, *, review: Review, inspector: str, review_names: list[str]) -> dict[str, Any]:
    """Return what the client needs to begin; candidates, votes and pictures come over HTTP."""
    opened = open_review(ws, review.id)
    source, spec = opened.source, opened.spec
    share = share_shown(opened, inspector)
    return optics_of(ws, source.id) | {
        "api": f"{base_path()}{API}",
        "token": issue_token(ws, review=review, inspector=inspector),
        "workspace": workspace_key(ws),
        "review": {
            "id": review.id,
            "name": review.name,
            "size": review.size,
            "order": order_in_words(ws, review),
            "blind": spec.blind,
            "retire": spec.retire,
            "blind_to_others": spec.blind_to_others,
            "scored": review.run_id is not None,
            "passing": is_passing(ws, review),
        },
        "share": None if share is None else len(share),
        "seen": seen_share(ws, opened.selection.get("run"), source.id),
        "reviews": review_names,
        "example": example_of_part(opened),
        "may_create": may("work"),
        "inspector": inspector,
        "known_lenses": kept_known_lenses(ws) is not None,
        "picture_key": opened.picture_key,
        "grades": [asdict(grade) for grade in spec.scheme.grades],
        "contaminants": [asdict(contaminant) for contaminant in spec.classes],
    }
