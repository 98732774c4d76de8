"""The README, for people who open an address of the API in a browser."""

from importlib.metadata import metadata

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def readme_route() -> Route:
    """`/readme`: the text that the installed package has."""
    text = metadata("unplug")["Description"]

    async def answer(_: Request) -> Response:
        return PlainTextResponse(text, headers={"x-content-type-options": "nosniff"})

    return Route("/readme", answer, methods=["GET"])
