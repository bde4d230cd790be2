"""The lightbox's HTTP routes: cutouts of the sheets of all pages, looked at without a review.

Each request carries a signed token in the header `x-token` that names the sources. Nothing is written but
the job of an explanation that is asked for.
"""

from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lensapp.services.catalogue.lightbox import Lightbox
from lensapp.services.data.pictures import picture_key
from lensapp.services.inspect.tokens import read_look_token
from lensapp.storage.records import Cutout, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery.answers import (
    LASTING,
    UNCOMPRESSED,
    asked_display,
    asked_ids,
    asked_one,
    asked_size,
    authorised,
)
from lensapp.ui.over_http import FRESH

LOOK_API = "/api/look"


@dataclass(frozen=True)
class Look:
    """One authorised request: what may be looked at, and the query."""

    lightbox: Lightbox
    query: QueryParams

    @property
    def row(self) -> Cutout:
        """The one cutout that is asked for."""
        [row] = self.lightbox.cutouts([asked_one(self.query)])
        return row

    def caching(self, source: Source) -> dict[str, str]:
        """Return how long browsers may keep pictures of a source: for ever what they ask for by its key."""
        same = self.query.get("key") == picture_key(self.lightbox.workspace, source)
        return LASTING if same else FRESH

    def rows(self) -> tuple[list[Cutout], int, dict[str, str]]:
        """Return the cutouts asked for, the size of their pictures, and how long browsers may keep these."""
        rows = self.lightbox.cutouts(asked_ids(self.query))
        source = self.lightbox.source_of(rows)
        return rows, asked_size(self.query, source, len(rows)), self.caching(source)


def _open(ws: Workspace, token: str, query: QueryParams, _body: bytes) -> Look:
    return Look(Lightbox(ws, read_look_token(ws, token)), query)


_looking = authorised(_open)


@_looking
def sheet(look: Look) -> Response:
    """Answer with a WebP sprite sheet of `ids`, of one source, at about `size` pixels."""
    rows, size, caching = look.rows()
    body = look.lightbox.sheet(rows, display=asked_display(look.query), size=size)
    return Response(body, media_type="image/webp", headers=caching)


@_looking
def raw(look: Look) -> Response:
    """Answer with companded pixels of `ids`, as the gallery's route of the same name does."""
    rows, size, caching = look.rows()
    body = look.lightbox.raw(rows, size=size)
    return Response(body, media_type="application/octet-stream", headers=caching | UNCOMPRESSED)


@_looking
def values(look: Look) -> Response:
    """Answer with the values of the one cutout in `ids`, as the gallery's route of the same name does."""
    row = look.row
    headers = look.caching(look.lightbox.source_of([row])) | UNCOMPRESSED
    return Response(look.lightbox.values(row), media_type="application/octet-stream", headers=headers)


@_looking
def record(look: Look) -> Response:
    """Answer with everything known of the one cutout in `ids`."""
    return JSONResponse(look.lightbox.record(look.row), headers=FRESH)


@_looking
def around(look: Look) -> Response:
    """Answer with pictures of what lies around the one cutout in `ids`."""
    return JSONResponse(look.lightbox.around(look.row, display=asked_display(look.query)), headers=FRESH)


@_looking
def explanation(look: Look) -> Response:
    """Answer with why the run of the page scores the one cutout in `ids` so, where that is known."""
    return JSONResponse(look.lightbox.explanation(look.row), headers=FRESH)


@_looking
def explain(look: Look) -> Response:
    """Have the score of the one cutout in `ids` explained; answer as `explanation` does."""
    return JSONResponse(look.lightbox.explanation(look.row, start=True), headers=FRESH)


ROUTES = [
    Route(f"{LOOK_API}/sheet", sheet),
    Route(f"{LOOK_API}/raw", raw),
    Route(f"{LOOK_API}/values", values),
    Route(f"{LOOK_API}/record", record),
    Route(f"{LOOK_API}/around", around),
    Route(f"{LOOK_API}/explanation", explanation, methods=["GET"]),
    Route(f"{LOOK_API}/explanation", explain, methods=["POST"]),
]
