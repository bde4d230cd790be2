"""Scripts of components of ours: those that show nothing are one file each, others are ES modules.

The modules are served to browsers, which keep them, and loaded by one short text.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lensapp.ui.base_path import base_path
from lensapp.ui.over_http import FRESH

MOUNTING = Path(__file__).with_name("mounting.js")
IN_SHARED = b"../../shared/"  # as our modules import it
LASTING = {"cache-control": "public, max-age=31536000, immutable"}
# Streamlit takes the text of one module. This one fetches ours, all at once rather than import by import.
LOADER = """
const load = (name) => import(new URL(`{address}/${{name}}.js`, location.href));
export default async function mount(component) {{
  const [entry] = await Promise.all({names}.map(load));
  return entry.default(component);
}}
"""


@dataclass(frozen=True)
class ClientModules:
    """The modules in a folder, which hold nothing of a survey.

    Attributes
    ----------
    folder, path
        Where they lie, and below which path they are served.
    entries
        Those whose default export Streamlit calls, one a component.
    """

    folder: Path
    path: str
    entries: tuple[str, ...]

    @cache  # noqa: B019 - there are as many as components
    def texts(self) -> dict[str, bytes]:
        """Return their texts by name, and beside them how parts of a page are mounted, which all share."""
        texts = {path.stem: path.read_bytes() for path in sorted(self.folder.glob("*.js"))}
        beside = {name: text.replace(IN_SHARED, b"./") for name, text in texts.items()}
        return beside | ({} if beside == texts else {MOUNTING.stem: MOUNTING.read_bytes()})

    @property
    def address(self) -> str:
        """Where they lie for a browser: a path that changes with any of them."""
        version = hashlib.sha256(b"\0".join(self.texts().values())).hexdigest()[:16]
        return f"{base_path()}{self.path}/{version}"

    def loader(self, entry: str) -> str:
        """Return the module that loads them for one component; it changes whenever one of them does."""
        others = sorted(self.texts().keys() - {*self.entries})
        return LOADER.format(address=self.address, names=json.dumps([entry, *others]))

    async def answer(self, request: Request) -> Response:
        """Answer with a module, to be kept for good under the present version's address."""
        text = self.texts().get(request.path_params["name"])
        if text is None:
            return JSONResponse({"error": "There is no such module. Reload the page."}, 404, headers=FRESH)
        caching = LASTING if request.url.path.startswith(f"{self.address}/") else FRESH
        headers = caching | {"x-content-type-options": "nosniff"}
        return Response(text, media_type="text/javascript", headers=headers)

    def route(self) -> Route:
        """Return the route that serves them."""
        return Route(f"{self.path}/{{version}}/{{name}}.js", self.answer)


@cache
def invisible_component(name: str, script: Path) -> Any:
    """Return a component that is the script in a file and shows nothing."""
    return st.components.v2.component(name, js=script.read_text("utf-8"))


@cache
def modules_component(name: str, modules: ClientModules, entry: str) -> Any:
    """Return a component that is one of the modules and shows nothing."""
    return st.components.v2.component(name, js=modules.loader(entry))


def told_by(key: str, name: str) -> Any:
    """Return what a component tells in its callback; None where its place in the session is not known yet.

    So it is when a click takes the place of the run that would have ended with it.
    """
    told = st.session_state.get(key)
    return None if told is None else told.get(name)


def focus_field(key: str) -> None:
    """Put the keyboard into the text field with this key, so that one types and presses Enter at once."""
    name = f"focus-{key}"
    with st.container(key=name):
        invisible_component("lensapp_focus_field", Path(__file__).with_name("focus.js"))(
            key=f"{name}-on", data={"field": key}, height=1
        )


def tell_whole_names() -> None:
    """Have names that are cut, in fields, chips and buttons, told whole under the mouse."""
    invisible_component("lensapp_whole_names", Path(__file__).with_name("whole_names.js"))(
        key="whole-names", data={}, height=1
    )


def keep_help_quiet() -> None:
    """Have the question mark beside a switch tell its help and leave the switch as it is."""
    invisible_component("lensapp_quiet_help", Path(__file__).with_name("quiet_help.js"))(
        key="quiet-help", data={}, height=1
    )


def show_unfolded() -> None:
    """Have what unfolds at the lower edge of a list that scrolls come into sight."""
    invisible_component("lensapp_unfolded", Path(__file__).with_name("unfolded.js"))(
        key="unfolded", data={}, height=1
    )


def step_back_once() -> None:
    """Have the browser's Back undo one step of the reader, and lead to the page that was left as it was."""
    invisible_component("lensapp_steps_back", Path(__file__).with_name("steps_back.js"))(
        key="steps-back", data={}, height=1
    )
