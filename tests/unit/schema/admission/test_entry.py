"""Sockets and streams that come in, and why they have to go."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.identifiers import UserId
from domain.ports import AccessToken
from schema.admission.connection_limits import ConnectionLimiter, SelectionLimiter
from schema.admission.entry import Admission, EndReason, Peer
from schema.errors import Refused
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA, BOB, CountingTelemetry, RecordedAccess

PEER = Peer("1", "websocket")


def token(user_id: UserId, seconds: float = 3_600) -> AccessToken[UserId]:
    return AccessToken(caller=user_id, expires_at=datetime.now(UTC) + timedelta(seconds=seconds))


class Door:
    """An `Admission` with few places."""

    def __init__(self) -> None:
        self.log = RecordedAccess()
        self.telemetry = CountingTelemetry()
        self.ended: list[tuple[str, EndReason]] = []
        limiter = ConnectionLimiter(3, 2, self.telemetry)
        self.admission = Admission(limiter, self.log, self.telemetry, 2)

    def enter(self, name: str) -> "Entered":
        return Entered(self, name)


class Entered:
    def __init__(self, door: Door, name: str) -> None:
        self.entry = door.admission.enter(PEER, lambda reason: door.ended.append((name, reason)))


async def test_places_are_taken_with_the_token_and_given_back_with_the_end() -> None:
    door = Door()
    first, second, third = (door.enter(name).entry for name in "abc")
    assert door.ended == [("a", EndReason.DISPLACED)]
    second.admit(token(ADA))
    third.admit(token(ADA))
    fourth = door.enter("d").entry
    with pytest.raises(Refused):
        fourth.admit(token(ADA))
    fourth.leave()
    second.leave()
    door.enter("e").entry.admit(token(ADA))
    door.enter("f").entry.admit(token(BOB))
    full = door.enter("g").entry
    with pytest.raises(Refused):
        full.admit(token(BOB))
    first.leave()
    assert door.telemetry.limits == ["unauthenticated_sockets", "sockets_per_user", "sockets"]


async def test_it_ends_with_its_token_however_late_that_is() -> None:
    door = Door()
    gone, late = door.enter("gone").entry, door.enter("late").entry
    gone.admit(token(ADA, seconds=-1))
    late.admit(token(ADA, seconds=400 * 86_400))
    assert door.ended == [("gone", EndReason.TOKEN_EXPIRED)]
    late.leave()
    soon = door.enter("soon").entry
    soon.admit(token(BOB, seconds=0.01))
    await eventually(lambda: door.ended[1:] == [("soon", EndReason.TOKEN_EXPIRED)])


async def test_the_first_reason_of_a_refusal_is_logged_once() -> None:
    door = Door()
    entry = door.enter("a").entry
    entry.refuse("UNAUTHENTICATED")
    entry.refuse("RATE_LIMITED")
    entry.leave()
    door.enter("b").entry.leave()
    assert door.log.outcomes == [("websocket", "UNAUTHENTICATED")]


async def test_a_drain_ends_what_is_open_and_what_still_comes() -> None:
    door = Door()
    entry = door.enter("a").entry
    door.admission.streams.draining = True
    late = door.enter("late").entry
    assert door.ended == [("late", EndReason.RESTART)]
    late.leave()
    entry.leave()
    await door.admission.drain()


def test_a_user_follows_so_many_selections_and_shares_them() -> None:
    telemetry = CountingTelemetry()
    selections = SelectionLimiter(2, telemetry)
    for selection in ("a", "a", "b"):
        selections.acquire(ADA, selection)
    with pytest.raises(Refused):
        selections.acquire(ADA, "c")
    selections.acquire(BOB, "c")
    selections.release(ADA, "a")
    with pytest.raises(Refused):
        selections.acquire(ADA, "c")
    selections.release(ADA, "a")
    selections.acquire(ADA, "c")
    assert telemetry.limits == ["selections", "selections"]
