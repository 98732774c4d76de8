"""What `unplug webhooks` does with endpoints."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import typer
from uuid_utils.compat import uuid7

from domain.ports import UnknownKey
from infrastructure.adapters import given_keys
from infrastructure.commands.database_setup import prepared
from infrastructure.database.database import Database
from infrastructure.failures import KeyMissing, OperatorError
from infrastructure.outbound_http import OutboundHttp
from infrastructure.persistence.credentials_keys import CredentialsKeys
from infrastructure.security.credentials_cipher import CredentialsCipher
from infrastructure.settings import Settings
from infrastructure.webhooks.answers import Meaning
from infrastructure.webhooks.endpoints import Endpoint, Endpoints
from infrastructure.webhooks.managing import ManagedEndpoints, NewEndpoint, NewSecret
from infrastructure.webhooks.messages import message_of_test
from infrastructure.webhooks.sender import Sender, Target, webhook_limits
from infrastructure.webhooks.signing import new_secret
from infrastructure.webhooks.state import MOST_COUNTED, EndpointStatus, status_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What an operator asks for. `event_types` None stands for all."""

    url: str
    event_types: frozenset[str] | None
    from_start: bool


async def add_endpoint(settings: Settings, wanted: Subscription) -> None:
    """Prints the endpoint's id, and its secret for the only time."""
    async with prepared(settings) as database:
        cipher = await CredentialsKeys(database).open(given_keys(settings))
        secret = new_secret()
        endpoint = NewEndpoint(
            id=uuid7(),
            url=wanted.url,
            event_types=wanted.event_types,
            from_start=wanted.from_start,
        )
        await ManagedEndpoints(database.store).add(endpoint, _sealed(cipher, endpoint.id, secret))
    typer.echo(f"endpoint {endpoint.id}")
    _print_secret(secret)


async def list_endpoints(settings: Settings) -> None:
    """Prints each endpoint's state."""
    async with prepared(settings) as database:
        endpoints = await Endpoints(database.store).all()
        for endpoint in endpoints:
            status = await status_of(database.store, endpoint.id)
            typer.echo("\n".join(_described(endpoint, status)))
    if not endpoints:
        typer.echo("There is no endpoint; `unplug webhooks add URL` adds one.")


async def remove_endpoint(settings: Settings, endpoint_id: UUID) -> None:
    """For good: its secret and its place in the log are deleted."""
    async with _found(settings, endpoint_id) as (database, _):
        await ManagedEndpoints(database.store).remove(endpoint_id)
    typer.echo(f"removed {endpoint_id}")


async def rotate_secret(settings: Settings, endpoint_id: UUID, overlap: timedelta) -> None:
    """Prints the new secret for the only time."""
    async with _found(settings, endpoint_id) as (database, _):
        cipher = await CredentialsKeys(database).open(given_keys(settings))
        secret = new_secret()
        await ManagedEndpoints(database.store).rotate(
            _sealed(cipher, endpoint_id, secret), overlap.total_seconds()
        )
    _print_secret(secret)


async def test_endpoint(settings: Settings, endpoint_id: UUID) -> None:
    """Sends one message from here. Raises `OperatorError` unless it is received."""
    async with _found(settings, endpoint_id) as (_, endpoint):
        target = Target(
            endpoint_id=endpoint.id,
            url=endpoint.url,
            secrets=_opened(settings, endpoint),
            private_addresses=settings.webhook_private_addresses or endpoint.on_loopback,
        )
    limits = webhook_limits(settings.webhook_timeout, 1)
    async with OutboundHttp(limits, proxies=settings.proxies) as http:
        sender = Sender(http, lambda: datetime.now(UTC))
        answer = await sender.send(target, message_of_test(uuid7(), datetime.now(UTC)))
    if answer.meaning is not Meaning.DELIVERED:
        raise OperatorError(f"The test was not received: {answer.status}.")
    typer.echo(f"received: {answer.status}")


async def resume_endpoint(settings: Settings, endpoint_id: UUID, skip: UUID | None) -> None:
    """Makes everything due at once. Raises `OperatorError` when `skip` is not the next event."""
    async with _found(settings, endpoint_id) as (database, _):
        managed = ManagedEndpoints(database.store)
        if skip is not None and not await managed.skip(endpoint_id, skip):
            raise OperatorError(
                f"Event {skip} is not the next one of its user at this endpoint: nothing was "
                "changed. `unplug webhooks list` shows which events are refused."
            )
        await managed.resume(endpoint_id)
    typer.echo(f"resumed {endpoint_id}")


@asynccontextmanager
async def _found(settings: Settings, endpoint_id: UUID) -> AsyncIterator[tuple[Database, Endpoint]]:
    async with prepared(settings) as database:
        for endpoint in await Endpoints(database.store).all():
            if endpoint.id == endpoint_id:
                yield database, endpoint
                return
        raise OperatorError(
            f"There is no endpoint {endpoint_id}; `unplug webhooks list` shows all."
        )


def _sealed(cipher: CredentialsCipher, endpoint_id: UUID, secret: str) -> NewSecret:
    encrypted = cipher.encrypt(secret.encode())
    return NewSecret(id=uuid7(), endpoint_id=endpoint_id, encrypted=encrypted)


def _opened(settings: Settings, endpoint: Endpoint) -> Sequence[str]:
    given = given_keys(settings)
    try:
        cipher = CredentialsCipher(given.read(create=False))
        return [cipher.decrypt(secret).decode() for secret in endpoint.secrets]
    except (UnknownKey, ValueError):
        raise KeyMissing(
            f"The key of this endpoint's secret is missing from {given.where}."
        ) from None


def _print_secret(secret: str) -> None:
    typer.echo(f"secret {secret}")
    typer.echo("The secret is shown only now: give it to the receiver.", err=True)


def _described(endpoint: Endpoint, status: EndpointStatus) -> Sequence[str]:
    types = "all" if endpoint.event_types is None else ", ".join(sorted(endpoint.event_types))
    lines = [
        f"{endpoint.id}  {endpoint.url}",
        f"  state    {status.described(endpoint.state)}",
        f"  types    {types}",
        f"  behind   {_behind(status)}",
        f"  last     {_last(status)}",
    ]
    if endpoint.history_after is not None:
        lines.append("  history  is being made due, a few users at a time")
    if status.paused_until is not None and status.failures:
        until = status.paused_until.isoformat(timespec="seconds")
        lines.append(f"  paused   until {until}, after {status.failures} failed tries")
    lines += [f"  refused  event {each.event_id} of user {each.user_id}" for each in status.stopped]
    return lines


def _behind(status: EndpointStatus) -> str:
    if not status.behind:
        return "0 users"
    more = " or more" if status.behind == MOST_COUNTED else ""
    users = "user" if status.behind == 1 else "users"
    return f"{status.behind}{more} {users}, the oldest for {int(status.oldest.total_seconds())} s"


def _last(status: EndpointStatus) -> str:
    if status.last_at is None:
        return "nothing was sent yet"
    return f"{status.last_status} at {status.last_at.isoformat(timespec='seconds')}"
