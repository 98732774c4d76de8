"""Disconnections and outcomes, as the suites beside this need them."""

from dataclasses import replace
from datetime import timedelta

from domain.events import (
    FailureReason,
    ProviderEvent,
    ProviderRef,
    ProviderTokenRevocationAttempted,
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
)
from domain.identifiers import UserId
from domain.ports import PageRequest
from domain.provider_connection import ProviderConnection, ProviderCredentials
from domain.token_revocation import (
    LeasedRevocation,
    RevocationEvidence,
    RevocationStatus,
)
from infrastructure.database.revocations import CatalogueProvider, Turn
from tests.contracts.worlds.world import NOW, World, active, attempted, succeeded
from tests.support.ids import a_user, an_attempt, an_event

USER = a_user(1)
SCHWAB = CatalogueProvider(slug="schwab", revocable=True, manage_url="https://schwab.example")
TURN = Turn(slug="schwab", concurrency=10, seconds=0.001)
LATE = ProviderCredentials(encrypted_data=b"late", credential_type="oauth2")
LATER = NOW + timedelta(hours=1)


def of_user(user_id: UserId = USER, **changes: object) -> ProviderConnection:
    return replace(active(user_id), provider_slug="schwab", **changes)  # type: ignore[arg-type]


def revocation(connection: ProviderConnection) -> ProviderTokenRevocationAttempted:
    return ProviderTokenRevocationAttempted(
        id=an_event(),
        occurred_at=LATER,
        user_id=connection.user_id,
        connection_id=connection.id,
        attempt_id=an_attempt(),
        provider=ProviderRef(id=connection.provider_id, slug=connection.provider_slug),
    )


async def disconnect(
    world: World, connection: ProviderConnection
) -> ProviderTokenRevocationAttempted:
    begun = revocation(connection)
    attempt = attempted(connection.user_id, connection.id)
    await world.bus.publish(attempt)
    found = await world.connections.find_by_id(connection.id)
    assert found is not None
    await world.connections.save(found.mark_disconnected(LATER), succeeded(attempt), begun)
    return begun


def ended(
    leased: LeasedRevocation, evidence: RevocationEvidence = RevocationEvidence.ACCEPTED
) -> ProviderTokenRevocationSucceeded:
    return ProviderTokenRevocationSucceeded(
        id=an_event(),
        occurred_at=LATER,
        user_id=leased.user_id,
        connection_id=leased.connection_id,
        attempt_id=leased.attempt_id,
        provider=ProviderRef(id=leased.provider_id, slug=leased.provider_slug),
        evidence=evidence,
    )


def failed(leased: LeasedRevocation, reason: FailureReason) -> ProviderTokenRevocationFailed:
    done = ended(leased)
    return ProviderTokenRevocationFailed(
        id=done.id,
        occurred_at=LATER,
        user_id=done.user_id,
        connection_id=done.connection_id,
        attempt_id=done.attempt_id,
        provider=done.provider,
        reason=reason,
        manage_url=leased.manage_url,
    )


async def status(world: World, connection: ProviderConnection) -> RevocationStatus | None:
    found = await world.connections.find_by_id(connection.id)
    assert found is not None
    return None if found.revocation is None else found.revocation.status


async def events(world: World, user_id: UserId = USER) -> list[ProviderEvent]:
    page = await world.log.page(user_id, PageRequest(limit=100))
    return [recorded.event for recorded in page.items]


async def leased_one(world: World) -> LeasedRevocation:
    (leased,) = await world.queue.lease([TURN], 5.0)
    return leased


async def taken(world: World, turn: Turn = TURN) -> LeasedRevocation:
    """One, as soon as it is due and its provider may be asked."""
    while not (found := await world.queue.lease([turn], 5.0)):
        pass
    (leased,) = found
    return leased
