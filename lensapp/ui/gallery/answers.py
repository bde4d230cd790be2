"""How the gallery's and the lightbox's routes read requests and answer them."""

import json
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

import anyio.to_thread
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lensapp.core.acting import acting_as, mode, this_program
from lensapp.core.data.imaging import DisplaySpec
from lensapp.core.errors import (
    FeaturesMissing,
    InvalidInput,
    LensAppError,
    NotAllowed,
    NotFound,
    StorageError,
    VoteConflict,
)
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.access.identity import ACTOR
from lensapp.ui.over_http import FRESH, body_of
from lensapp.ui.shared.page_words import without_commands
from lensapp.ui.shared.state import get_workspace

MOST_IDS = 1000
MOST_BYTES = 1_000_000
MOST_PIXELS = 64_000_000
SIZES = (16, 1024)
LASTING = {"cache-control": "private, max-age=31536000, immutable", "vary": "x-token"}
UNCOMPRESSED = {"content-encoding": "identity"}

Call = TypeVar("Call")


class Refusal(LensAppError):
    """A request that cannot be answered, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def authorised(
    open_call: Callable[[Workspace, str, QueryParams, bytes], Call],
    *,
    name_of: Callable[[Call], str] = lambda _: "",
) -> Callable[[Callable[[Call], Response]], Callable[[Request], Awaitable[Response]]]:
    """Return a decorator that opens what a token vouches for and answers in one thread; errors become JSON.

    `open_call` takes the workspace, the token in the header, the query and the body. Who is logged in acts;
    alone it is whom the call names by `name_of`.
    """

    def decorate(answer: Callable[[Call], Response]) -> Callable[[Request], Awaitable[Response]]:
        def respond(request: Request, body: bytes) -> Response:
            token, bearer = request.headers.get("x-token", ""), request.scope.get(ACTOR)
            with nullcontext() if bearer is None else acting_as(bearer):
                try:
                    call = open_call(get_workspace(), token, request.query_params, body)
                except (InvalidInput, NotFound) as error:
                    wrong = "not valid" if token else "missing"
                    raise Refusal(
                        403, f"The token in the header x-token is {wrong}. Reload the page."
                    ) from error
                if mode() != "alone":
                    return answer(call)
            with acting_as(replace(this_program(), name=name_of(call) or this_program().name)):
                return answer(call)

        @wraps(answer)
        async def handle(request: Request) -> Response:
            try:
                return await anyio.to_thread.run_sync(respond, request, await _body(request))
            except LensAppError as error:
                return refused(error)

        return handle

    return decorate


async def _body(request: Request) -> bytes:
    body = await body_of(request, most=MOST_BYTES)
    if body is None:
        raise Refusal(413, f"A request may hold at most {MOST_BYTES} bytes. Send fewer votes at a time.")
    return body


def refused(error: LensAppError) -> Response:
    """Return an error as JSON with the status that tells browsers whether to send the request again."""
    more: dict[str, Any] = {}
    message, status = (
        str(error),
        503 if isinstance(error, StorageError) else 400,
    )  # after 503 browsers send it again
    if isinstance(error, Refusal):
        status = error.status
    elif isinstance(error, NotAllowed):
        status = 403
    elif isinstance(error, VoteConflict):
        status, more = 409, {"taken": error.taken}
    elif isinstance(error, FeaturesMissing):
        message, more = error.brief, {"features": {"source": error.source, "run": error.run}}
    return JSONResponse({"error": without_commands(message)[0]} | more, status, headers=FRESH)


def asked_ids(query: QueryParams) -> list[int]:
    """Return the ids that a query names, joined by '-'."""
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


def asked_one(query: QueryParams) -> int:
    """Return the one id that a query names."""
    ids = asked_ids(query)
    if len(ids) != 1:
        raise Refusal(400, f"The query names {len(ids)} cutouts. Ask for one at a time.")
    return ids[0]


def asked_size(query: QueryParams, source: Source, count: int) -> int:
    """Return the size of pictures that a query names, if so many of a source can be made at once."""
    text = query.get("size", "128")
    low, high = SIZES
    if not (text.isascii() and text.isdigit() and low <= int(text[:6]) <= high):
        raise Refusal(
            400, f"Pictures are {low} to {high} pixels in size, not {text[:20]!r}. Reload the page."
        )
    across, channels = min(max(source.height, source.width), 2 * int(text)), len(source.bands)
    if count * across**2 * channels > MOST_PIXELS:
        raise Refusal(
            413,
            f"{count} cutouts of {across} × {across} × {channels} are more than {MOST_PIXELS} pixels. "
            "Ask for fewer or smaller ones.",
        )
    return int(text)


def asked_display(query: QueryParams) -> DisplaySpec:
    """Return how pixels become colours as a query says it."""
    values: dict[str, Any] = {key: query[key] for key in DisplaySpec.model_fields if key in query}
    if "rgb" in values:
        values["rgb"] = tuple(word for word in values["rgb"].split(",") if word)
    return DisplaySpec.parse(values)


def posted(body: bytes, *, what: str) -> dict[str, Any]:
    """Return the JSON object of a body, which should be `what`."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            400, f"The body should be {what} as JSON but is {body[:40]!r}. Reload the page."
        ) from error
    if not isinstance(values, dict):
        raise Refusal(
            400, f"The body should be a JSON object but is a {type(values).__name__}. Reload the page."
        )
    return values
