"""`ConnectionList`: a user's connections, page by page."""

import pytest

from domain.ports import ConnectionKey, Page, PageRequest
from domain.provider_connection import ConnectionStatus, ProviderConnection
from tests.contracts.worlds.world import NOW, World, active
from tests.support.fakes.connections import as_read
from tests.support.ids import a_user

USER, STRANGER = a_user(1), a_user(2)


def key(connection: ProviderConnection) -> ConnectionKey:
    return ConnectionKey(connection.created_at, connection.id)


@pytest.fixture
async def five(world: World) -> list[ProviderConnection]:
    """A user's connections in order; the middle three were created in the same microsecond."""
    first = active(USER, created_at=NOW)
    same = [active(USER, created_at=NOW.replace(microsecond=6)) for _ in range(3)]
    last = active(USER, created_at=NOW.replace(microsecond=7))
    await world.add(last, *reversed(same), first, active(STRANGER, created_at=NOW))
    return [first, *sorted(same, key=lambda connection: connection.id), last]


@pytest.mark.parametrize("backwards", [False, True])
async def test_pages_cover_the_list_without_gap_or_repeat(
    world: World, five: list[ProviderConnection], backwards: bool
) -> None:
    read = [as_read(connection) for connection in five]
    seen: list[ProviderConnection] = []
    end: ConnectionKey | None = None
    for number in range(3):
        request = PageRequest(
            limit=2,
            after=None if backwards else end,
            before=end if backwards else None,
            backwards=backwards,
        )
        page = await world.connections.page(USER, request)
        edges = (page.has_previous, page.has_next)
        assert edges == ((number < 2, number > 0) if backwards else (number > 0, number < 2))
        seen = [*page.items, *seen] if backwards else [*seen, *page.items]
        end = key(page.items[0] if backwards else page.items[-1])
    assert seen == read


async def test_both_ends_are_exclusive(world: World, five: list[ProviderConnection]) -> None:
    request = PageRequest(limit=9, after=key(five[0]), before=key(five[4]))

    assert await world.connections.page(USER, request) == Page(
        items=[as_read(connection) for connection in five[1:4]], has_previous=True, has_next=True
    )


async def test_page_behind_the_end_is_empty_and_says_what_is_before(
    world: World, five: list[ProviderConnection]
) -> None:
    page = await world.connections.page(USER, PageRequest(limit=9, after=key(five[4])))

    assert page == Page(items=[], has_previous=True, has_next=False)


async def test_statuses_narrow_the_list_and_its_ends(
    world: World, five: list[ProviderConnection]
) -> None:
    read = [as_read(connection) for connection in five]
    wanted = frozenset({ConnectionStatus.DISCONNECTED, ConnectionStatus.PENDING})

    page = await world.connections.page(USER, PageRequest(limit=9, after=key(five[0])), wanted)
    everything = await world.connections.page(
        USER, PageRequest(limit=9), frozenset({ConnectionStatus.ACTIVE})
    )
    nothing = await world.connections.page(USER, PageRequest(limit=9), frozenset())

    assert page == nothing == Page(items=[], has_previous=False, has_next=False)
    assert everything == Page(items=read, has_previous=False, has_next=False)
