"""What our own routes share: answers that browsers do not keep, and bodies of a bounded size."""

from starlette.requests import Request

FRESH = {"cache-control": "no-store"}


async def body_of(request: Request, *, most: int) -> bytes | None:
    """Return the body of a request, or None as soon as it has more than `most` bytes."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return body
