"""Connecting while a grant-wide revocation is pending, or is being carried out."""

import asyncio
from dataclasses import replace
from functools import partial

from uuid_utils.compat import uuid7

from domain.commands.connect_provider import (
    ConnectedProvider,
    ConnectProvider,
    ConnectProviderHandler,
)
from domain.events import ProviderRef
from domain.result import Success
from infrastructure.command_runner import wait_for_grant
from tests.contracts.revocations.revoking import (
    LATE,
    SCHWAB,
    TURN,
    USER,
    disconnect,
    ended,
    leased_one,
    of_user,
    taken,
)
from tests.contracts.worlds.world import NOW, World
from tests.support.ids import a_provider, an_attempt

GRANT = replace(SCHWAB, ends_grant=True)


async def connect(world: World, account_id: str | None = None) -> ConnectedProvider:
    wait = partial(wait_for_grant, world.connections.grant_is_ending)
    handler = ConnectProviderHandler(
        world.connections, world.bus, wait, now=lambda: NOW, new_id=uuid7
    )
    command = ConnectProvider(
        user_id=USER,
        provider=ProviderRef(id=a_provider(1), slug="schwab"),
        credentials=LATE,
        attempt_id=an_attempt(),
        provider_account_id=account_id,
    )
    outcome = await handler.handle(command)
    assert isinstance(outcome, Success)
    return outcome.value


async def test_a_connection_that_came_meanwhile_keeps_its_grant(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([GRANT])
    await disconnect(world, connection)

    connected = await connect(world)

    assert not connected.verify
    assert (await leased_one(world)).shared


async def test_connecting_waits_for_a_revocation_under_way(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([GRANT])
    await disconnect(world, connection)
    leased = await leased_one(world)
    assert not leased.shared

    connecting = asyncio.create_task(connect(world))
    done, _ = await asyncio.wait({connecting}, timeout=0.3)
    assert not done
    await world.revocations.settle(leased, ended(leased))

    assert (await connecting).verify


async def test_a_lease_that_is_over_holds_up_no_one(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([GRANT])
    await disconnect(world, connection)
    await world.queue.lease([TURN], 0.1)

    connected = await connect(world)

    assert (await taken(world)).shared
    assert connected.connection.id != connection.id


async def test_other_accounts_and_single_tokens_hold_up_no_one(world: World) -> None:
    connection = of_user(provider_account_id="one")
    await world.add(connection)
    await world.queue.declare([GRANT])
    await disconnect(world, connection)
    await leased_one(world)

    assert not (await connect(world, "another")).verify
    await world.queue.declare([SCHWAB])
    assert not (await connect(world, "one")).verify
