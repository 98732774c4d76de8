"""A revoker of one provider, `acme`, that a test describes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from domain.token_revocation import Ended, RevocationEvidence
from infrastructure.outbound_http import OutboundHttp, OutboundLimits
from infrastructure.providers.catalogue import Catalogue
from infrastructure.providers.entry import ProviderEntry
from infrastructure.providers.revoker import Revoker
from tests.support.network.quirk_server import QuirkServer
from tests.support.secrecy import CREDENTIAL
from tests.unit.infrastructure.providers.entries import entry

REFRESH, ACCESS = f"r-1.{CREDENTIAL}", f"a-1.{CREDENTIAL}"
DATA = {"refresh_token": REFRESH, "access_token": ACCESS}
ACCEPTED, GONE = Ended(RevocationEvidence.ACCEPTED), Ended(RevocationEvidence.ALREADY_GONE)
SHORT = OutboundLimits(total=0.3, body=65_536)


@asynccontextmanager
async def revoker_of(provider: ProviderEntry, http: OutboundHttp) -> AsyncIterator[Revoker]:
    async with http as client:
        yield Revoker(Catalogue({"acme": provider}), client, now=lambda: datetime.now(UTC))


@asynccontextmanager
async def revoker(
    server: QuirkServer, http: OutboundHttp | None = None, **keys: object
) -> AsyncIterator[Revoker]:
    """It sends the token in a form to the server's `/revoke`, unless told otherwise."""
    provider = entry(**{"endpoint": server.url("/revoke"), **keys})
    async with revoker_of(provider, http or OutboundHttp(SHORT)) as revoke:
        yield revoke
