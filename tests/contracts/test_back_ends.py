"""What back ends ask for: connect, refresh, report and record, on the ports and their adapters."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest
from uuid_utils.compat import uuid7

from domain.commands import errors
from domain.commands.connect_provider import (
    ConnectedProvider,
    ConnectOutcome,
    ConnectProvider,
    ConnectProviderHandler,
)
from domain.commands.disconnect_provider import (
    DisconnectProvider,
    DisconnectProviderError,
    DisconnectProviderHandler,
)
from domain.commands.record_sync import RecordSync, RecordSyncHandler
from domain.commands.refresh_credentials import (
    RefreshCredentials,
    RefreshCredentialsHandler,
    RefreshOutcome,
)
from domain.commands.report_access_lost import ReportAccessLost, ReportAccessLostHandler
from domain.events import (
    AccessLoss,
    Initiator,
    ProviderAccessLost,
    ProviderAccessRestored,
    ProviderConnected,
    ProviderDisconnectionAttempted,
    ProviderEvent,
    ProviderRef,
)
from domain.identifiers import AttemptId, ConnectionId, UserId
from domain.ports import ConnectionFilter, ConnectionKey, PageRequest
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from domain.result import Failure, Success
from infrastructure.command_runner import wait_for_grant
from tests.contracts.worlds.world import NOW, World
from tests.support.ids import a_connection, a_provider, a_user, an_attempt

ACCOUNT = "account-1"
PROVIDER = ProviderRef(id=a_provider(9), slug="schwab")
FIRST, SECOND = (
    ProviderCredentials(encrypted_data=data, credential_type="oauth2", expires_at=NOW)
    for data in (b"first", b"second")
)


class BackEnd:
    """The handlers on one world's ports."""

    def __init__(self, world: World) -> None:
        self.world, self.now = world, NOW
        self.user_id = a_user()
        ports = world.connections, world.bus
        wait = partial(wait_for_grant, world.connections.grant_is_ending)
        self.connecting = ConnectProviderHandler(*ports, wait, now=self._now, new_id=uuid7)
        self.disconnecting = DisconnectProviderHandler(*ports, now=self._now, new_id=uuid7)
        self.refreshing = RefreshCredentialsHandler(ports[0], now=self._now, new_id=uuid7)
        self.reporting = ReportAccessLostHandler(ports[0], now=self._now, new_id=uuid7)
        self.syncing = RecordSyncHandler(ports[0], now=self._now)

    def _now(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    async def connect(
        self,
        attempt_id: AttemptId | None = None,
        credentials: ProviderCredentials = FIRST,
        account_id: str | None = ACCOUNT,
        connection_id: ConnectionId | None = None,
        user_id: UserId | None = None,
        provider: ProviderRef = PROVIDER,
    ) -> ConnectOutcome:
        return await self.connecting.handle(
            ConnectProvider(
                user_id=user_id or self.user_id,
                provider=provider,
                credentials=credentials,
                attempt_id=attempt_id or an_attempt(),
                connection_id=connection_id,
                provider_account_id=account_id,
                alias="My IRA",
            )
        )

    async def connected(self, account_id: str | None = ACCOUNT) -> ConnectionId:
        return done(await self.connect(account_id=account_id)).connection.id

    async def disconnect(
        self, connection_id: ConnectionId, attempt_id: AttemptId | None = None
    ) -> object:
        return await self.disconnecting.handle(
            DisconnectProvider(
                user_id=self.user_id,
                connection_id=connection_id,
                attempt_id=attempt_id or an_attempt(),
                initiator=Initiator.SERVICE,
                note="The account is closed.",
            )
        )

    async def refresh(self, connection_id: ConnectionId, version: int = 1) -> RefreshOutcome:
        return await self.refreshing.handle(
            RefreshCredentials(
                connection_id=connection_id, credentials_version=version, credentials=SECOND
            )
        )

    async def report(self, connection_id: ConnectionId, version: int = 1) -> object:
        loss = AccessLoss.EXPIRED
        return await self.reporting.handle(
            ReportAccessLost(connection_id=connection_id, credentials_version=version, loss=loss)
        )

    async def stored(self, connection_id: ConnectionId) -> ProviderConnection:
        stored = await self.world.connections.find_with_credentials(connection_id)
        assert stored is not None
        return stored

    async def events(self) -> list[ProviderEvent]:
        page = await self.world.log.page(self.user_id, PageRequest(limit=100))
        assert [item.position for item in page.items] == list(range(1, len(page.items) + 1))
        return [item.event for item in page.items]

    async def kinds(self) -> list[type[ProviderEvent]]:
        return [type(event) for event in await self.events()]


@pytest.fixture
def back_end(world: World) -> BackEnd:
    return BackEnd(world)


def done(outcome: ConnectOutcome) -> ConnectedProvider:
    assert isinstance(outcome, Success), outcome
    return outcome.value


def refused(outcome: object) -> object:
    assert isinstance(outcome, Failure), outcome
    return outcome.error


async def test_connection_begins(back_end: BackEnd) -> None:
    attempt_id = an_attempt()
    connected = done(await back_end.connect(attempt_id))
    assert connected.created
    stored = await back_end.stored(connected.connection.id)
    assert stored == connected.connection
    assert (stored.status, stored.credentials) == (ConnectionStatus.ACTIVE, FIRST)
    (event,) = await back_end.events()
    assert event == connected.recorded.event
    assert isinstance(event, ProviderConnected)
    assert (event.created, event.attempt_id, event.provider) == (True, attempt_id, PROVIDER)


async def test_account_that_is_connected_again_begins_again(back_end: BackEnd) -> None:
    first = done(await back_end.connect())
    again = done(await back_end.connect(credentials=SECOND))
    assert (again.connection.id, again.created) == (first.connection.id, False)
    stored = await back_end.stored(first.connection.id)
    assert (stored.credentials, stored.credentials_version) == (SECOND, 2)
    assert stored.connected_at != first.connection.connected_at
    assert await back_end.kinds() == [ProviderConnected] * 2


async def test_accounts_without_an_id_are_never_the_same(back_end: BackEnd) -> None:
    assert await back_end.connected(None) != await back_end.connected(None)


async def test_connection_follows_its_disconnected_predecessor(back_end: BackEnd) -> None:
    first = await back_end.connected()
    await back_end.disconnect(first)
    second = await back_end.connected()
    await back_end.disconnect(second)
    third = done(await back_end.connect())
    assert third.connection.previous_connection_id == second
    assert isinstance(third.recorded.event, ProviderConnected)
    assert third.recorded.event.previous_connection_id == second
    assert (await back_end.stored(third.connection.id)).previous_connection_id == second


async def test_many_who_connect_one_account_at_once_make_one_connection(
    back_end: BackEnd,
) -> None:
    outcomes = await asyncio.gather(*[back_end.connect() for _ in range(5)])
    assert len({done(outcome).connection.id for outcome in outcomes}) == 1
    assert sum(done(outcome).created for outcome in outcomes) == 1
    assert await back_end.kinds() == [ProviderConnected] * 5


async def test_named_connection_begins_again(back_end: BackEnd) -> None:
    connection_id = await back_end.connected()
    await back_end.report(connection_id)
    again = done(
        await back_end.connect(connection_id=connection_id, credentials=SECOND, account_id=None)
    )
    assert (again.connection.id, again.created) == (connection_id, False)
    assert (await back_end.stored(connection_id)).status is ConnectionStatus.ACTIVE


async def test_named_connection_must_be_the_users_own_and_the_same(back_end: BackEnd) -> None:
    connection_id = await back_end.connected()
    unknown = await back_end.connect(connection_id=a_connection())
    assert refused(unknown) == errors.ConnectionNotFound()
    strangers = await back_end.connect(connection_id=connection_id, user_id=a_user())
    assert refused(strangers) == errors.ConnectionNotFound()
    other = await back_end.connect(connection_id=connection_id, account_id="account-2")
    assert refused(other) == errors.DifferentRequest()
    assert await back_end.kinds() == [ProviderConnected]


async def test_disconnected_connection_never_has_credentials_again(back_end: BackEnd) -> None:
    connection_id = await back_end.connected()
    await back_end.disconnect(connection_id)
    late = errors.ConnectionDisconnected(errors.LateCredentials.DESTROYED)
    assert refused(await back_end.connect(connection_id=connection_id)) == late
    assert refused(await back_end.refresh(connection_id)) == late
    assert refused(await back_end.report(connection_id)) == errors.ConnectionDisconnected()
    stored = await back_end.stored(connection_id)
    assert (stored.status, stored.credentials) == (ConnectionStatus.DISCONNECTED, None)


async def test_attempt_that_is_repeated_repeats_nothing(back_end: BackEnd) -> None:
    attempt_id = an_attempt()
    outcomes = await asyncio.gather(*[back_end.connect(attempt_id) for _ in range(10)])
    first, *others = [done(outcome) for outcome in outcomes]
    assert all(other.recorded == first.recorded for other in others)
    assert await back_end.kinds() == [ProviderConnected]

    await back_end.disconnect(first.connection.id)
    repeated = done(await back_end.connect(attempt_id, SECOND))
    assert (repeated.created, repeated.recorded) == (True, first.recorded)
    assert repeated.connection.status is ConnectionStatus.DISCONNECTED


async def test_attempt_on_an_account_of_a_provider_with_another_id_is_repeatable(
    back_end: BackEnd,
) -> None:
    connection_id, attempt_id = await back_end.connected(), an_attempt()
    other = replace(PROVIDER, id=a_provider(10))
    first = done(await back_end.connect(attempt_id, provider=other))
    repeated = done(await back_end.connect(attempt_id, provider=other))
    assert first.connection.id == repeated.connection.id == connection_id
    assert repeated.recorded == first.recorded


async def test_named_attempt_is_answered_after_its_connection_ended(back_end: BackEnd) -> None:
    connection_id, attempt_id = await back_end.connected(), an_attempt()
    first = done(await back_end.connect(attempt_id, connection_id=connection_id))
    await back_end.disconnect(connection_id)
    repeated = done(await back_end.connect(attempt_id, connection_id=connection_id))
    assert repeated.recorded == first.recorded


async def test_attempt_of_something_else_is_refused(back_end: BackEnd) -> None:
    attempt_id = an_attempt()
    connection_id = done(await back_end.connect(attempt_id)).connection.id
    different = errors.DifferentRequest()
    assert refused(await back_end.connect(attempt_id, account_id="account-2")) == different
    assert refused(await back_end.connect(attempt_id, user_id=a_user())) == different
    named = await back_end.connect(attempt_id, connection_id=connection_id)
    assert refused(named) == different
    disconnected = await back_end.disconnect(connection_id, attempt_id)
    assert refused(disconnected) is DisconnectProviderError.ATTEMPT_REUSED
    assert await back_end.kinds() == [ProviderConnected]

    other = an_attempt()
    await back_end.disconnect(connection_id, other)
    assert refused(await back_end.connect(other)) == different


async def test_disconnection_that_a_service_repeats_repeats_nothing(back_end: BackEnd) -> None:
    connection_id, attempt_id = await back_end.connected(), an_attempt()
    first = await back_end.disconnect(connection_id, attempt_id)
    again = await back_end.disconnect(connection_id, attempt_id)
    assert isinstance(first, Success)
    assert isinstance(again, Success)
    assert again.value.recorded == first.value.recorded
    attempted = (await back_end.events())[1]
    assert isinstance(attempted, ProviderDisconnectionAttempted)
    assert (attempted.initiator, attempted.note) == (Initiator.SERVICE, "The account is closed.")
    assert len(await back_end.events()) == 3

    missing, attempt_id = a_connection(), an_attempt()
    for _ in range(2):
        outcome = await back_end.disconnect(missing, attempt_id)
        assert refused(outcome) is DisconnectProviderError.CONNECTION_NOT_FOUND


async def test_refresh_replaces_the_credentials(back_end: BackEnd) -> None:
    connection_id = await back_end.connected()
    outcome = await back_end.refresh(connection_id)
    assert isinstance(outcome, Success)
    stored = await back_end.stored(connection_id)
    assert stored == replace(outcome.value, version=stored.version)
    assert (stored.credentials, stored.credentials_version) == (SECOND, 2)
    assert await back_end.kinds() == [ProviderConnected]


async def test_refresh_of_another_version_is_refused(back_end: BackEnd) -> None:
    connection_id = await back_end.connected()
    outcomes = await asyncio.gather(*[back_end.refresh(connection_id) for _ in range(5)])
    lost = [refused(outcome) for outcome in outcomes if not isinstance(outcome, Success)]
    assert lost == [errors.CredentialsChanged(2)] * 4


async def test_lost_access_is_recorded_and_comes_back(back_end: BackEnd) -> None:
    connection_id = await back_end.connected()
    assert isinstance(await back_end.report(connection_id), Success)
    stored = await back_end.stored(connection_id)
    assert (stored.status, stored.credentials) == (ConnectionStatus.EXPIRED, FIRST)
    again = await back_end.report(connection_id)
    assert refused(again) == errors.ConnectionNotActive(ConnectionStatus.EXPIRED)

    assert isinstance(await back_end.refresh(connection_id), Success)
    assert (await back_end.stored(connection_id)).status is ConnectionStatus.ACTIVE
    _, lost, restored = await back_end.events()
    assert isinstance(lost, ProviderAccessLost)
    assert (lost.loss, lost.attempt_id, lost.provider) == (AccessLoss.EXPIRED, None, PROVIDER)
    assert isinstance(restored, ProviderAccessRestored)


async def test_late_report_does_not_take_down_what_was_renewed(back_end: BackEnd) -> None:
    connection_id = await back_end.connected()
    await back_end.refresh(connection_id)
    assert refused(await back_end.report(connection_id)) == errors.CredentialsChanged(2)
    assert (await back_end.stored(connection_id)).status is ConnectionStatus.ACTIVE


async def test_pending_connection_has_nothing_to_refresh(back_end: BackEnd) -> None:
    pending = ProviderConnection(
        id=a_connection(),
        user_id=back_end.user_id,
        provider_id=PROVIDER.id,
        provider_slug=PROVIDER.slug,
        status=ConnectionStatus.PENDING,
        created_at=NOW,
        updated_at=NOW,
    )
    await back_end.world.add(pending)
    refusal = errors.ConnectionNotActive(ConnectionStatus.PENDING)
    assert refused(await back_end.refresh(pending.id)) == refusal


async def test_sync_is_never_recorded_backwards(back_end: BackEnd) -> None:
    connection_id = await back_end.connected()
    for at in (NOW + timedelta(days=2), NOW + timedelta(days=1)):
        outcome = await back_end.syncing.handle(RecordSync(connection_id=connection_id, at=at))
        assert isinstance(outcome, Success)
        stored = await back_end.stored(connection_id)
        assert stored.last_sync_at == NOW + timedelta(days=2)
        assert stored.credentials == FIRST
    await back_end.disconnect(connection_id)
    outcome = await back_end.syncing.handle(RecordSync(connection_id=connection_id, at=NOW))
    assert refused(outcome) == errors.ConnectionDisconnected()


async def test_missing_connection_is_not_found(back_end: BackEnd) -> None:
    missing = a_connection()
    sync = RecordSync(connection_id=missing, at=NOW)
    for outcome in (
        await back_end.refresh(missing),
        await back_end.report(missing),
        await back_end.syncing.handle(sync),
    ):
        assert refused(outcome) == errors.ConnectionNotFound()


async def test_records_of_all_users_are_listed_page_by_page(back_end: BackEnd) -> None:
    own = [await back_end.connected(None) for _ in range(3)]
    foreign = done(await back_end.connect(user_id=a_user())).connection.id
    await back_end.disconnect(own[0])
    records, user_id = back_end.world.connections, back_end.user_id
    mine = ConnectionFilter(user_id=user_id)
    first = await records.records(mine, PageRequest(limit=2))
    assert [item.id for item in first.items] == own[:2]
    assert first.has_next
    last = first.items[-1]
    after = ConnectionKey(last.created_at, last.id)
    rest = await records.records(mine, PageRequest(limit=2, after=after))
    assert [item.id for item in rest.items] == own[2:]

    ended = replace(mine, statuses=frozenset({ConnectionStatus.DISCONNECTED}))
    page = await records.records(ended, PageRequest(limit=10))
    assert [item.id for item in page.items] == own[:1]
    nothing = ConnectionFilter(provider_slug="no-such-provider")
    assert not (await records.records(nothing, PageRequest(limit=10))).items
    others = await records.records(ConnectionFilter(provider_slug="schwab"), PageRequest(limit=100))
    assert {*own, foreign} <= {item.id for item in others.items}
    keys = [ConnectionKey(item.created_at, item.id) for item in others.items]
    assert all(before < behind for before, behind in pairwise(keys))


async def test_account_that_is_connected_is_not_imported_again(back_end: BackEnd) -> None:
    connected = await back_end.stored(await back_end.connected())
    await back_end.world.add(replace(connected, id=a_connection()))
    page = await back_end.world.connections.records(
        ConnectionFilter(user_id=back_end.user_id), PageRequest(limit=10)
    )
    assert [item.id for item in page.items] == [connected.id]
