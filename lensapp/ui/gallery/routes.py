"""The gallery's HTTP routes, for `st.App(..., routes=ROUTES)`.

Votes and pixels do not pass through Streamlit's session: a burst of keys would lose votes there, and
pictures would wait for reruns. Each request carries a signed token in the header `x-token`; only the
client's own modules, which hold nothing of a survey, are served without.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import astuple, dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Any

import anyio.to_thread
import numpy as np
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lensapp.core.data.imaging import DisplaySpec
from lensapp.core.errors import InvalidInput, LensAppError, NotFound, StorageError, VoteConflict
from lensapp.services.inspect.consensus import retired_lately
from lensapp.services.inspect.gallery import OpenReview, open_review
from lensapp.services.inspect.similar import review_more_like
from lensapp.services.inspect.surroundings import surroundings
from lensapp.services.inspect.tokens import Claims, read_token
from lensapp.services.inspect.votes import (
    ViewPost,
    VotePost,
    feedback_on,
    late_notice,
    marks_of,
    record_votes,
    save_view,
    view_for,
)
from lensapp.ui.base_path import base_path
from lensapp.ui.shared.state import get_workspace

API = "/api/gallery"
CLIENT = Path(__file__).parent / "client"
MOST_IDS = 1000
MOST_BYTES = 1_000_000
MOST_PIXELS = 64_000_000
SIZES = (16, 1024)
LASTING = {"cache-control": "private, max-age=31536000, immutable", "vary": "x-token"}
FRESH = {"cache-control": "no-store"}
UNCOMPRESSED = {"content-encoding": "identity"}


@dataclass(frozen=True)
class Call:
    """One authorised request: its review, in whose name, the query and the body."""

    opened: OpenReview
    claims: Claims
    query: QueryParams
    body: bytes


Answer = Callable[[Call], Response]


class Refusal(LensAppError):
    """A request that cannot be answered, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _authorised(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """Check the token, open its review and answer in one thread; turn errors into JSON."""

    def respond(request: Request, body: bytes) -> Response:
        workspace, token = get_workspace(), request.headers.get("x-token", "")
        try:
            claims = read_token(workspace, token)
            opened = open_review(workspace, claims.review_id)
        except (InvalidInput, NotFound) as error:
            wrong = "not valid" if token else "missing"
            raise Refusal(403, f"The token in the header x-token is {wrong}. Reload the page.") from error
        return answer(Call(opened, claims, request.query_params, body))

    @wraps(answer)
    async def handle(request: Request) -> Response:
        try:
            body = b""
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Refusal(
                        413, f"A request may hold at most {MOST_BYTES} bytes. Send fewer votes at a time."
                    )
            return await anyio.to_thread.run_sync(respond, request, body)
        except LensAppError as error:
            taken: dict[str, Any] = {}
            status = 503 if isinstance(error, StorageError) else 400  # after 503 browsers send it again
            if isinstance(error, Refusal):
                status = error.status
            elif isinstance(error, VoteConflict):
                status, taken = 409, {"taken": error.taken}
            return JSONResponse({"error": str(error)} | taken, status, headers=FRESH)

    return handle


def _ids(query: QueryParams) -> list[int]:
    text = query.get("ids", "")
    words = text.split("-") if text else []
    if not 1 <= len(words) <= MOST_IDS:
        raise Refusal(
            413 if words else 400,
            f"The query names {len(words)} cutouts. Ask for 1 to {MOST_IDS}, their ids joined by '-'.",
        )
    if not all(word.isascii() and word.isdigit() and len(word) < 16 for word in words):
        raise Refusal(400, f"{text[:60]!r} is not a list of cutout ids joined by '-'. Reload the page.")
    return [int(word) for word in words]


def _size(query: QueryParams, opened: OpenReview, count: int) -> int:
    text = query.get("size", "128")
    low, high = SIZES
    if not (text.isascii() and text.isdigit() and low <= int(text[:6]) <= high):
        raise Refusal(
            400, f"Pictures are {low} to {high} pixels in size, not {text[:20]!r}. Reload the page."
        )
    source = opened.source
    across, channels = min(max(source.height, source.width), 2 * int(text)), len(source.bands)
    if count * across**2 * channels > MOST_PIXELS:
        raise Refusal(
            413,
            f"{count} cutouts of {across} × {across} × {channels} are more than {MOST_PIXELS} pixels. "
            "Ask for fewer or smaller ones.",
        )
    return int(text)


def _caching(call: Call) -> dict[str, str]:
    """Let browsers keep what was asked for by its present key, since it never changes."""
    return LASTING if call.query.get("key") == call.opened.picture_key else FRESH


def _posted(call: Call, *, what: str) -> dict[str, Any]:
    try:
        values = json.loads(call.body)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            400, f"The body should be {what} as JSON but is {call.body[:40]!r}. Reload the page."
        ) from error
    if not isinstance(values, dict):
        raise Refusal(
            400, f"The body should be a JSON object but is a {type(values).__name__}. Reload the page."
        )
    return values


def _id_bytes(ids: Any) -> Response:
    body = np.asarray(ids, "<i8").tobytes()
    return Response(body, media_type="application/octet-stream", headers=FRESH | UNCOMPRESSED)


@_authorised
def sheet(call: Call) -> Response:
    """Answer with a WebP sprite sheet of `ids` at about `size` pixels, stretched as DisplaySpec says."""
    query, opened = call.query, call.opened
    values: dict[str, Any] = {key: query[key] for key in DisplaySpec.model_fields if key in query}
    if "rgb" in values:
        values["rgb"] = tuple(word for word in values["rgb"].split(",") if word)
    ids, display = _ids(query), DisplaySpec.parse(values)
    body = opened.sheet(ids, display=display, size=_size(query, opened, len(ids)))
    return Response(body, media_type="image/webp", headers=_caching(call))


@_authorised
def raw(call: Call) -> Response:
    """Answer with companded pixels of `ids`: int32 (n, bands, rows, columns), then uint16 codes."""
    ids = _ids(call.query)
    body = call.opened.raw(ids, size=_size(call.query, call.opened, len(ids)))
    return Response(body, media_type="application/octet-stream", headers=_caching(call) | UNCOMPRESSED)


@_authorised
def queue(call: Call) -> Response:
    """Answer with all cutout ids of the review in order, little-endian int64."""
    return _id_bytes(call.opened.queue)


@_authorised
def retired(call: Call) -> Response:
    """Answer with the ids that need no more votes, little-endian int64."""
    opened = call.opened
    return _id_bytes(opened.shown_ids(retired_lately(opened.workspace, opened.review).tolist()))


@_authorised
def around(call: Call) -> Response:
    """Answer with pictures of what lies around the one cutout in `ids`; see `surroundings`."""
    ids = _ids(call.query)
    if len(ids) != 1:
        raise Refusal(400, f"The query names {len(ids)} cutouts. Ask for one at a time.")
    display = DisplaySpec.parse({"stretch": call.query.get("stretch", DisplaySpec().stretch)})
    return JSONResponse(surroundings(call.opened, ids[0], display=display), headers=FRESH)


@_authorised
def candidates(call: Call) -> Response:
    """Answer with names and positions of `ids`; with scores when `scores=1`, known lenses when `known=1`."""
    rows = call.opened.facts(
        _ids(call.query),
        inspector=call.claims.inspector,
        with_scores=call.query.get("scores") == "1",
        with_known=call.query.get("known") == "1",
    )
    return JSONResponse(rows, headers=FRESH)


@_authorised
def post_votes(call: Call) -> Response:
    """Store votes {"client", "ops"}; answer {"seq"}, the last one stored. A repetition changes nothing.

    Other votes under running numbers that are stored answer 409 with these numbers, {"taken"}. `late` says
    that the review was closed before, so that the votes do not count. Where the review gives inspectors
    feedback at once, `feedback` lists the blind tests among them.
    """
    post = VotePost.parse(_posted(call, what="votes"))
    opened = call.opened
    last = record_votes(opened.workspace, review=opened.review, inspector=call.claims.inspector, post=post)
    feedback = feedback_on(opened, post)
    late = late_notice(opened.workspace, opened.review.id) if post.ops else None
    more = {"feedback": feedback, "late": late}
    answer = {"seq": last} | {name: value for name, value in more.items() if value}
    return JSONResponse(answer, headers=FRESH)


@_authorised
def get_votes(call: Call) -> Response:
    """Answer with the inspector's marks: {cutout id: [grade, contaminant, seconds spent, comment, star]}."""
    opened = call.opened
    marks = marks_of(opened.workspace, review=opened.review, inspector=call.claims.inspector)
    shown_ids = opened.shown_ids(list(marks))
    values = {key: list(astuple(mark)) for key, mark in zip(shown_ids, marks.values(), strict=True)}
    return JSONResponse(values, headers=FRESH)


@_authorised
def more_like(call: Call) -> Response:
    """Make, or find, the review of the candidates most alike {"id"}; answer {"review": NAME}."""
    shown_id = _posted(call, what="a candidate").get("id")
    if type(shown_id) is not int:
        raise Refusal(400, f"{shown_id!r} is not the id of a candidate. Reload the page.")
    return JSONResponse({"review": review_more_like(call.opened, shown_id).name}, headers=FRESH)


@_authorised
def put_view(call: Call) -> Response:
    """Keep how and where the inspector looks: {"settings", "last", "changed"}."""
    post, opened = ViewPost.parse(_posted(call, what="a view")), call.opened
    save_view(opened.workspace, review=opened.review, inspector=call.claims.inspector, post=post)
    return JSONResponse({}, headers=FRESH)


@_authorised
def get_view(call: Call) -> Response:
    """Answer with how and where the inspector looked last, on any machine."""
    opened = call.opened
    view = view_for(opened.workspace, review=opened.review, inspector=call.claims.inspector)
    return JSONResponse(view.saved(), headers=FRESH)


@cache
def client_modules() -> dict[str, bytes]:
    """Return the text of the client's ES modules by name."""
    return {path.stem: path.read_bytes() for path in sorted(CLIENT.glob("*.js"))}


@cache
def client_address() -> str:
    """Return where the client's modules lie: a path that changes with any of them."""
    version = hashlib.sha256(b"\0".join(client_modules().values())).hexdigest()[:16]
    return f"{base_path()}{API}/client/{version}"


async def client_module(request: Request) -> Response:
    """Answer with one of the client's modules, to be kept for good under the present version's address."""
    text = client_modules().get(request.path_params["name"])
    if text is None:
        return JSONResponse({"error": "There is no such module. Reload the page."}, 404, headers=FRESH)
    current = request.url.path.startswith(f"{client_address()}/")
    caching = {"cache-control": "public, max-age=31536000, immutable"} if current else FRESH
    headers = caching | {"x-content-type-options": "nosniff"}
    return Response(text, media_type="text/javascript", headers=headers)


ROUTES = [
    Route(f"{API}/client/{{version}}/{{name}}.js", client_module),
    Route(f"{API}/labels", post_votes, methods=["POST"]),
    Route(f"{API}/labels", get_votes, methods=["GET"]),
    Route(f"{API}/view", put_view, methods=["POST"]),
    Route(f"{API}/view", get_view, methods=["GET"]),
    Route(f"{API}/alike", more_like, methods=["POST"]),
    Route(f"{API}/sheet", sheet),
    Route(f"{API}/raw", raw),
    Route(f"{API}/queue", queue),
    Route(f"{API}/retired", retired),
    Route(f"{API}/candidates", candidates),
    Route(f"{API}/around", around),
]
