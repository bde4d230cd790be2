"""The gallery's HTTP routes, for `st.App(..., routes=ROUTES)`.

Votes and pixels do not pass through Streamlit's session: a burst of keys would lose votes there, and
pictures would wait for reruns. Each request carries a signed token in the header `x-token`.
"""

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lensapp.core.errors import InvalidInput, LensAppError, NotFound
from lensapp.core.imaging import DisplaySpec
from lensapp.services.gallery import OpenReview, open_review
from lensapp.services.review import VotePost, record_votes, votes_by_inspector
from lensapp.services.tokens import Claims, read_token
from lensapp.ui.state import get_workspace

API = "/api/gallery"
MOST_IDS = 1000
MOST_BYTES = 1_000_000
MOST_PIXELS = 64_000_000
SIZES = (16, 1024)
LASTING = {"cache-control": "private, max-age=31536000, immutable", "vary": "x-token"}
FRESH = {"cache-control": "no-store"}

Handler = Callable[[Request], Awaitable[Response]]
Answer = Callable[[Request, OpenReview, Claims], Awaitable[Response]]


class Refusal(LensAppError):
    """A request that cannot be answered, with its HTTP status."""

    def __init__(self, status: int, *, expected: str, received: str, remedy: str) -> None:
        super().__init__(f"Expected {expected}, received {received}. {remedy}")
        self.status = status
        self.parts = {"expected": expected, "received": received, "remedy": remedy}


def _authorised(answer: Answer) -> Handler:
    """Check the token, open its review, and turn errors into JSON."""

    @wraps(answer)
    async def handle(request: Request) -> Response:
        try:
            opened, claims = await anyio.to_thread.run_sync(_open, request.headers.get("x-token", ""))
            return await answer(request, opened, claims)
        except Refusal as refusal:
            return _error(refusal.status, refusal, **refusal.parts)
        except LensAppError as error:
            return _error(400, error)

    return handle


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


def _ids(request: Request) -> list[int]:
    text = request.query_params.get("ids", "")
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


def _size(request: Request, opened: OpenReview, count: int, *, channels: int) -> int:
    text = request.query_params.get("size", "128")
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


def _display(request: Request) -> DisplaySpec:
    values: dict[str, Any] = {
        key: request.query_params[key] for key in DisplaySpec.model_fields if key in request.query_params
    }
    if "rgb" in values:
        values["rgb"] = tuple(word for word in values["rgb"].split(",") if word)
    return DisplaySpec.parse(values)


def _caching(request: Request, opened: OpenReview) -> dict[str, str]:
    """Let browsers keep what was asked for by its present key, since it never changes."""
    return LASTING if request.query_params.get("key") == opened.picture_key else FRESH


@_authorised
async def sheet(request: Request, opened: OpenReview, _claims: Claims) -> Response:
    """Answer with a WebP sprite sheet of `ids` at about `size` pixels, stretched as DisplaySpec says."""
    ids, display = _ids(request), _display(request)
    size = _size(request, opened, len(ids), channels=len(opened.source.bands))
    body = await anyio.to_thread.run_sync(lambda: opened.sheet(ids, display=display, size=size))
    return Response(body, media_type="image/webp", headers=_caching(request, opened))


@_authorised
async def raw(request: Request, opened: OpenReview, _claims: Claims) -> Response:
    """Answer with companded pixels of `ids`: int32 (n, bands, rows, columns), then uint16 codes."""
    ids = _ids(request)
    size = _size(request, opened, len(ids), channels=len(opened.source.bands))
    body = await anyio.to_thread.run_sync(lambda: opened.raw(ids, size=size))
    headers = {**_caching(request, opened), "content-encoding": "identity"}
    return Response(body, media_type="application/octet-stream", headers=headers)


@_authorised
async def queue(_request: Request, opened: OpenReview, _claims: Claims) -> Response:
    """Answer with all cutout ids of the review in order, little-endian int64."""
    body = await anyio.to_thread.run_sync(lambda: opened.queue.astype("<i8").tobytes())
    headers = {**FRESH, "content-encoding": "identity"}
    return Response(body, media_type="application/octet-stream", headers=headers)


@_authorised
async def candidates(request: Request, opened: OpenReview, _claims: Claims) -> Response:
    """Answer with names and positions of `ids`, and with scores when `scores=1`."""
    ids = _ids(request)
    with_scores = request.query_params.get("scores") == "1"
    rows = await anyio.to_thread.run_sync(lambda: opened.facts(ids, with_scores=with_scores))
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


def _parsed(body: bytes) -> VotePost:
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            400, expected="votes as JSON", received=repr(body[:40]), remedy="Reload the page."
        ) from error
    if not isinstance(values, dict):
        raise Refusal(
            400, expected="a JSON object", received=type(values).__name__, remedy="Reload the page."
        )
    return VotePost.parse(values)


@_authorised
async def post_votes(request: Request, opened: OpenReview, claims: Claims) -> Response:
    """Store votes {"client", "ops"}; answer {"seq"}, the last one stored. A repetition changes nothing."""
    post = _parsed(await _body(request))
    last = await anyio.to_thread.run_sync(
        lambda: record_votes(opened.workspace, review=opened.review, inspector=claims.inspector, post=post)
    )
    return JSONResponse({"seq": last}, headers=FRESH)


@_authorised
async def get_votes(_request: Request, opened: OpenReview, claims: Claims) -> Response:
    """Answer with the inspector's votes that count: {cutout id: [grade, contaminant, seconds spent]}."""
    votes = await anyio.to_thread.run_sync(
        lambda: votes_by_inspector(opened.workspace, review=opened.review, inspector=claims.inspector)
    )
    values = {key: [vote.grade, vote.contaminant, vote.seconds_spent] for key, vote in votes.items()}
    return JSONResponse(values, headers=FRESH)


ROUTES = [
    Route(f"{API}/labels", post_votes, methods=["POST"]),
    Route(f"{API}/labels", get_votes, methods=["GET"]),
    Route(f"{API}/sheet", sheet),
    Route(f"{API}/raw", raw),
    Route(f"{API}/queue", queue),
    Route(f"{API}/candidates", candidates),
]
