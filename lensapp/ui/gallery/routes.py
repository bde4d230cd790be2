"""The gallery's HTTP routes, for `st.App(..., routes=ROUTES)`.

Votes and pixels do not pass through Streamlit's session: a burst of keys would lose votes there, and
pictures would wait for reruns. Each request carries a signed token in the header `x-token`.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import astuple, dataclass
from functools import wraps
from typing import Any

import anyio.to_thread
import numpy as np
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lensapp.core.data.imaging import DisplaySpec
from lensapp.core.errors import InvalidInput, LensAppError, NotFound
from lensapp.services.inspect.gallery import OpenReview, open_review
from lensapp.services.inspect.inspector_views import ViewPost, marks_of, save_view, view_for
from lensapp.services.inspect.retirement import retired_lately
from lensapp.services.inspect.similar import review_more_like
from lensapp.services.inspect.tokens import Claims, read_token
from lensapp.services.inspect.votes import VotePost, feedback_on, record_votes
from lensapp.ui.shared.state import get_workspace

API = "/api/gallery"
MOST_IDS = 1000
MOST_BYTES = 1_000_000
MOST_PIXELS = 64_000_000
SIZES = (16, 1024)
LASTING = {"cache-control": "private, max-age=31536000, immutable", "vary": "x-token"}
FRESH = {"cache-control": "no-store"}

Handler = Callable[[Request], Awaitable[Response]]


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

    def __init__(self, status: int, *, expected: str, received: str, remedy: str) -> None:
        super().__init__(f"Expected {expected}, received {received}. {remedy}")
        self.status = status
        self.parts = {"expected": expected, "received": received, "remedy": remedy}


def _authorised(answer: Answer) -> Handler:
    """Check the token, open its review and answer in one thread; turn errors into JSON."""

    @wraps(answer)
    async def handle(request: Request) -> Response:
        try:
            body = await _body(request)
            return await anyio.to_thread.run_sync(_answered, answer, request, body)
        except Refusal as refusal:
            return _error(refusal.status, refusal, **refusal.parts)
        except LensAppError as error:
            return _error(400, error)

    return handle


def _answered(answer: Answer, request: Request, body: bytes) -> Response:
    opened, claims = _open(request.headers.get("x-token", ""))
    return answer(Call(opened, claims, request.query_params, body))


def _open(token: str) -> tuple[OpenReview, Claims]:
    workspace = get_workspace()
    try:
        claims = read_token(workspace, token)
        return open_review(workspace, claims.review_id), claims
    except (InvalidInput, NotFound) as error:
        raise Refusal(
            403,
            expected="a valid token in the header x-token",
            received="none" if not token else "one that is not",
            remedy="Reload the page.",
        ) from error


def _error(status: int, error: LensAppError, **parts: str) -> JSONResponse:
    return JSONResponse({"error": str(error), **parts}, status, headers=FRESH)


def _ids(query: QueryParams) -> list[int]:
    text = query.get("ids", "")
    words = text.split("-") if text else []
    if not 1 <= len(words) <= MOST_IDS:
        raise Refusal(
            413 if words else 400,
            expected=f"1 to {MOST_IDS} cutout ids joined by '-'",
            received=str(len(words)),
            remedy="Ask for fewer at a time.",
        )
    if not all(word.isascii() and word.isdigit() and len(word) < 16 for word in words):
        raise Refusal(
            400, expected="cutout ids joined by '-'", received=repr(text[:60]), remedy="Reload the page."
        )
    return [int(word) for word in words]


def _size(query: QueryParams, opened: OpenReview, count: int, *, channels: int) -> int:
    text = query.get("size", "128")
    low, high = SIZES
    if not (text.isascii() and text.isdigit() and low <= int(text[:6]) <= high):
        raise Refusal(
            400, expected=f"a size of {low} to {high} pixels", received=repr(text[:20]), remedy="Reload."
        )
    longest = max(opened.source.height, opened.source.width)
    across = min(longest, 2 * int(text))
    if count * across**2 * channels > MOST_PIXELS:
        raise Refusal(
            413,
            expected=f"at most {MOST_PIXELS} pixels",
            received=f"{count} cutouts of {across} × {across} × {channels}",
            remedy="Ask for fewer or smaller ones.",
        )
    return int(text)


def _display(query: QueryParams) -> DisplaySpec:
    values: dict[str, Any] = {key: query[key] for key in DisplaySpec.model_fields if key in query}
    if "rgb" in values:
        values["rgb"] = tuple(word for word in values["rgb"].split(",") if word)
    return DisplaySpec.parse(values)


def _caching(call: Call) -> dict[str, str]:
    """Let browsers keep what was asked for by its present key, since it never changes."""
    return LASTING if call.query.get("key") == call.opened.picture_key else FRESH


@_authorised
def sheet(call: Call) -> Response:
    """Answer with a WebP sprite sheet of `ids` at about `size` pixels, stretched as DisplaySpec says."""
    ids, display = _ids(call.query), _display(call.query)
    size = _size(call.query, call.opened, len(ids), channels=len(call.opened.source.bands))
    body = call.opened.sheet(ids, display=display, size=size)
    return Response(body, media_type="image/webp", headers=_caching(call))


@_authorised
def raw(call: Call) -> Response:
    """Answer with companded pixels of `ids`: int32 (n, bands, rows, columns), then uint16 codes."""
    ids = _ids(call.query)
    size = _size(call.query, call.opened, len(ids), channels=len(call.opened.source.bands))
    headers = {**_caching(call), "content-encoding": "identity"}
    return Response(call.opened.raw(ids, size=size), media_type="application/octet-stream", headers=headers)


@_authorised
def queue(call: Call) -> Response:
    """Answer with all cutout ids of the review in order, little-endian int64."""
    headers = {**FRESH, "content-encoding": "identity"}
    body = call.opened.queue.astype("<i8").tobytes()
    return Response(body, media_type="application/octet-stream", headers=headers)


@_authorised
def retired(call: Call) -> Response:
    """Answer with the ids that need no more votes, little-endian int64."""
    opened = call.opened
    ids = opened.shown_ids(retired_lately(opened.workspace, opened.review).tolist())
    headers = {**FRESH, "content-encoding": "identity"}
    body = np.array(ids, "<i8").tobytes()
    return Response(body, media_type="application/octet-stream", headers=headers)


@_authorised
def candidates(call: Call) -> Response:
    """Answer with names and positions of `ids`; with scores when `scores=1`, known lenses when `known=1`."""
    ids = _ids(call.query)
    with_scores, with_known = (call.query.get(name) == "1" for name in ("scores", "known"))
    rows = call.opened.facts(
        ids, inspector=call.claims.inspector, with_scores=with_scores, with_known=with_known
    )
    return JSONResponse(rows, headers=FRESH)


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refusal(
                413,
                expected=f"at most {MOST_BYTES} bytes",
                received="more",
                remedy="Send fewer votes at a time.",
            )
    return body


def _parsed(body: bytes, *, what: str) -> dict[str, Any]:
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            400, expected=f"{what} as JSON", received=repr(body[:40]), remedy="Reload the page."
        ) from error
    if not isinstance(values, dict):
        raise Refusal(
            400, expected="a JSON object", received=type(values).__name__, remedy="Reload the page."
        )
    return values


@_authorised
def post_votes(call: Call) -> Response:
    """Store votes {"client", "ops"}; answer {"seq"}, the last one stored. A repetition changes nothing.

    Where the review tells inspectors at once, `feedback` lists the blind tests among them.
    """
    post = VotePost.parse(_parsed(call.body, what="votes"))
    opened = call.opened
    last = record_votes(opened.workspace, review=opened.review, inspector=call.claims.inspector, post=post)
    feedback = feedback_on(opened, post)
    return JSONResponse({"seq": last} | ({"feedback": feedback} if feedback else {}), headers=FRESH)


@_authorised
def get_votes(call: Call) -> Response:
    """Answer with the inspector's marks: {cutout id: [grade, contaminant, seconds spent, comment, star]}."""
    opened = call.opened
    marks = marks_of(opened.workspace, review=opened.review, inspector=call.claims.inspector)
    shown = opened.shown_ids(list(marks))
    values = {key: list(astuple(mark)) for key, mark in zip(shown, marks.values(), strict=True)}
    return JSONResponse(values, headers=FRESH)


@_authorised
def more_like(call: Call) -> Response:
    """Make, or find, the review of the candidates most alike {"id"}; answer {"review": NAME}."""
    shown_id = _parsed(call.body, what="a candidate").get("id")
    if type(shown_id) is not int:
        raise Refusal(400, expected="the id of a candidate", received=repr(shown_id), remedy="Reload.")
    return JSONResponse({"review": review_more_like(call.opened, shown_id).name}, headers=FRESH)


@_authorised
def put_view(call: Call) -> Response:
    """Keep how and where the inspector looks: {"settings", "last", "changed"}."""
    post, opened = ViewPost.parse(_parsed(call.body, what="a view")), call.opened
    save_view(opened.workspace, review=opened.review, inspector=call.claims.inspector, post=post)
    return JSONResponse({}, headers=FRESH)


@_authorised
def get_view(call: Call) -> Response:
    """Answer with how and where the inspector looked last, on any machine."""
    opened = call.opened
    view = view_for(opened.workspace, review=opened.review, inspector=call.claims.inspector)
    return JSONResponse(view.saved(), headers=FRESH)


ROUTES = [
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
]
