"""The home page stands at the address of the app; /home, which the other pages let one guess, leads there."""

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route


async def to_home(request: Request) -> RedirectResponse:
    """Lead to the home page with what the address selects, below whatever path a proxy serves the app."""
    return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./")


ROUTES = [Route("/home", to_home)]
