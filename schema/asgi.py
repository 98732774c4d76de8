"""Handlers and readers in, ASGI routes out."""

from dataclasses import dataclass, field

from starlette.routing import BaseRoute, Route

from domain.ports import AccessTokens
from schema.access_log import AccessLog
from schema.build import UnplugSchema
from schema.context import Services
from schema.documents import Documents
from schema.http import HttpLimits, HttpTransport
from schema.limits import DocumentLimits
from schema.masking import Masking
from schema.operations import Operations
from schema.origins import CrossOrigin
from schema.rates import MutationRate
from schema.telemetry import Telemetry

PATH = "/graphql"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSettings:
    """What operators may set about the wire.

    `allowed_origins`: whose pages may talk to us, such as `https://app.example.com`; our own may
    always.
    """

    document: DocumentLimits = field(default_factory=DocumentLimits)
    http: HttpLimits = field(default_factory=HttpLimits)
    mutations_per_second: int = 50
    hide_suggestions: bool = True
    introspection: bool = False
    allowed_origins: frozenset[str] = frozenset()


def graphql_routes(
    schema: UnplugSchema,
    services: Services,
    tokens: AccessTokens,
    settings: WireSettings,
    telemetry: Telemetry,
) -> list[BaseRoute]:
    """All transports at `/graphql`."""
    documents = Documents(
        schema.executable,
        limits=settings.document,
        telemetry=telemetry,
        introspection=settings.introspection,
        hide_suggestions=settings.hide_suggestions,
    )
    masking = Masking(services.new_id)
    operations = Operations(
        schema.executable,
        services,
        documents,
        masking,
        MutationRate(settings.mutations_per_second, telemetry),
        hide_suggestions=settings.hide_suggestions,
    )
    http = HttpTransport(
        operations,
        tokens,
        masking=masking,
        access_log=AccessLog(),
        telemetry=telemetry,
        cross_origin=CrossOrigin(settings.allowed_origins),
        new_id=services.new_id,
        limits=settings.http,
        streams={},
    )
    return [Route(PATH, http)]
