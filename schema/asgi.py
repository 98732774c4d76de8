"""Handlers and readers in, ASGI routes out."""

from dataclasses import dataclass

from starlette.routing import BaseRoute, Route

from domain.ports import AccessTokens
from schema.build import UnplugSchema
from schema.context import Services
from schema.documents import Documents
from schema.http import HttpTransport
from schema.masking import Masking
from schema.operations import Operations

PATH = "/graphql"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSettings:
    """What operators may set about the wire."""

    max_tokens: int = 2_000
    hide_suggestions: bool = True
    introspection: bool = False


def graphql_routes(
    schema: UnplugSchema, services: Services, tokens: AccessTokens, settings: WireSettings
) -> list[BaseRoute]:
    """All transports at `/graphql`."""
    documents = Documents(
        schema.executable,
        max_tokens=settings.max_tokens,
        hide_suggestions=settings.hide_suggestions,
    )
    operations = Operations(
        schema.executable,
        services,
        documents,
        Masking(services.new_id),
        hide_suggestions=settings.hide_suggestions,
    )
    return [Route(PATH, HttpTransport(operations, tokens), methods=["GET", "POST"])]
