"""The path under which the app is served behind a proxy, such as /lens."""

from collections.abc import Sequence

from starlette.routing import Route
from streamlit import config


def base_path() -> str:
    """Return `server.baseUrlPath` with a slash in front, empty where the app has the whole host."""
    path = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def under_base_path(routes: Sequence[Route]) -> list[Route]:
    """Return routes as they are reached, each below the path of the app."""
    base = base_path()
    return [Route(f"{base}{one.path}", one.endpoint, methods=one.methods) for one in routes]
