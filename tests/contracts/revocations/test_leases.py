"""One worker holds a revocation at a time; providers are asked by few at once."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from domain.ports import AttemptClosed
from domain.provider_connection import ConnectionStatus
from domain.token_revocation import (
    Answers,
    Ended,
    Refused,
    RevocationEvidence,
)
from infrastructure.database.revocations import Progress
from tests.contracts.revocations.revoking import (
    SCHWAB,
    TURN,
    disconnect,
    ended,
    events,
    leased_one,
    of_user,
    taken,
)
from tests.contracts.worlds.world import World
from tests.support.ids import a_user


async def test_without_the_lease_there_is_no_outcome(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    begun = await disconnect(world, connection)
    leased = await leased_one(world)
    other = replace(leased, lease=uuid4())

    with pytest.raises(AttemptClosed):
        await world.revocations.settle(other, ended(other))
    await world.revocations.postpone(other, answers={}, code="http_503", seconds=60)

    assert (await events(world))[-1] == begun
    await world.revocations.settle(leased, ended(leased))


async def test_a_leased_revocation_is_not_taken_until_its_lease_is_over(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    await disconnect(world, connection)

    (first,) = await world.queue.lease([TURN], 0.2)
    assert await world.queue.lease([TURN], 0.2) == []
    second = await taken(world)

    assert second.attempt_id == first.attempt_id
    assert second.lease != first.lease
    with pytest.raises(AttemptClosed):
        await world.revocations.settle(first, ended(first))


async def test_what_is_postponed_goes_on_with_its_final_answers(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    await disconnect(world, connection)
    leased = await leased_one(world)
    final: Answers = {
        "refresh_token": Ended(RevocationEvidence.ALREADY_GONE),
        "access_token": Refused("http_400"),
        None: Ended(RevocationEvidence.ACCEPTED),
    }

    await world.queue.postpone(leased, Progress(answers=final, code="http_503", seconds=0.1))
    again = await taken(world)

    assert again.answers == final
    assert again.tries == 1
    await world.queue.postpone(again, Progress(code="http_503", seconds=60))
    assert await world.queue.lease([TURN], 5.0) == []


async def test_an_overdue_revocation_is_taken_without_its_provider(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([replace(SCHWAB, give_up_after=timedelta(seconds=0))])
    await disconnect(world, connection)
    await world.queue.forget("schwab")

    (leased,) = await world.queue.lease([], 5.0)

    assert leased.overdue


async def test_a_worker_takes_its_own_providers_only(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    await disconnect(world, connection)

    assert await world.queue.lease([replace(TURN, slug="other")], 5.0) == []


async def test_so_many_at_a_time_are_taken_from_a_provider(world: World) -> None:
    connections = [of_user() for _ in range(5)]
    await world.add(*connections)
    await world.queue.declare([SCHWAB])
    for connection in connections:
        await disconnect(world, connection)
    three = replace(TURN, concurrency=3)

    first = await world.queue.lease([three], 5.0)
    assert len(first) == 3
    assert await world.queue.lease([three], 5.0) == []
    await world.revocations.settle(first[0], ended(first[0]))
    await taken(world, three)
    assert await world.queue.lease([three], 5.0) == []


async def test_a_provider_has_a_pace(world: World) -> None:
    connections = [of_user() for _ in range(5)]
    await world.add(*connections)
    await world.queue.declare([SCHWAB])
    for connection in connections:
        await disconnect(world, connection)
    slow = replace(TURN, seconds=0.4)

    assert len(await world.queue.lease([slow], 5.0)) == 2
    assert await world.queue.lease([slow], 5.0) == []


@pytest.mark.parametrize(
    ("other_account", "shared"), [(None, True), ("same", True), ("another", False)]
)
async def test_a_grant_is_shared_with_what_has_credentials(
    world: World, other_account: str | None, shared: bool
) -> None:
    one = of_user(provider_account_id="same")
    old = of_user(provider_account_id="same")
    await world.add(one)
    await world.queue.declare([replace(SCHWAB, ends_grant=True)])
    await disconnect(world, one)
    await world.add(of_user(provider_account_id=other_account))
    await world.add(of_user(a_user(2), provider_account_id="same"))
    await world.add(replace(old, status=ConnectionStatus.PENDING, credentials=None))

    leased = await leased_one(world)

    assert leased.shared == shared


async def test_a_grant_of_which_single_tokens_end_is_not_shared(world: World) -> None:
    one, other = of_user(), of_user()
    await world.add(one, other)
    await world.queue.declare([SCHWAB])
    await disconnect(world, one)

    assert not (await leased_one(world)).shared
