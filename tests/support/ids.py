"""Identifiers for tests: new ones, or always the same for a number."""

from uuid import UUID

from uuid_utils.compat import uuid7

from domain.identifiers import AttemptId, ConnectionId, EventId, ProviderId, UserId


def a_user(number: int | None = None) -> UserId:
    return UserId(_uuid(number))


def a_connection(number: int | None = None) -> ConnectionId:
    return ConnectionId(_uuid(number))


def a_provider(number: int | None = None) -> ProviderId:
    return ProviderId(_uuid(number))


def an_attempt(number: int | None = None) -> AttemptId:
    return AttemptId(_uuid(number))


def an_event(number: int | None = None) -> EventId:
    return EventId(_uuid(number))


def _uuid(number: int | None) -> UUID:
    return uuid7() if number is None else UUID(int=number)
