"""`unplug token`: for users and for services."""

import re
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from infrastructure.commands.command_line.application import command
from infrastructure.commands.command_line.preparing import load_settings

SCOPE_FORM = r"[\x21\x23-\x5B\x5D-\x7E]+"  # RFC 6749, section 3.3


@command()
def token(
    user_id: Annotated[
        UUID | None,
        typer.Argument(metavar="USER_ID", help="The user that the token authenticates."),
    ] = None,
    service: Annotated[
        str | None,
        typer.Option(
            envvar="UNPLUG_SERVICE",
            metavar="NAME",
            help="A token for a service instead, with this name.",
        ),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            envvar="UNPLUG_SCOPE",
            metavar="SCOPE",
            help="What the service may do, such as connections:read; may be repeated.",
        ),
    ] = None,
    expires_in: Annotated[
        str,
        typer.Option(
            envvar="UNPLUG_EXPIRES_IN",
            metavar="DURATION",
            help="How long the token is valid, such as 90s, 15m, 1h30m or 7d.",
        ),
    ] = "1h",
) -> None:
    """Print a token signed with the shared secret (UNPLUG_TOKEN_SECRET).

    For a user, or with --service for a service (UNPLUG_SERVICE_TOKEN_SECRET when it is set).
    """
    from infrastructure.adapters import service_trust, user_trust
    from infrastructure.security.issuing import issue

    life = _duration(expires_in)
    if service is not None:
        if user_id is not None:
            raise typer.BadParameter("a token is for a user or for a service", param_hint="USER_ID")
        scopes = _scopes(scope or [])
        typer.echo(issue(service_trust(load_settings()), _name(service), life, scopes))
    elif user_id is None:
        raise typer.BadParameter("name a user, or a service with --service", param_hint="USER_ID")
    elif scope:
        raise typer.BadParameter("only services have scopes", param_hint="--scope")
    else:
        typer.echo(issue(user_trust(load_settings()), str(user_id), life))


def _name(service: str) -> str:
    from infrastructure.security.callers import MAX_NAME_LENGTH

    if not service.strip() or len(service) > MAX_NAME_LENGTH:
        message = f"a service's name has 1 to {MAX_NAME_LENGTH} characters"
        raise typer.BadParameter(message, param_hint="--service")
    return service


def _scopes(given: list[str]) -> list[str]:
    """Several may stand in one option, between spaces."""
    scopes = [scope for option in given for scope in option.split()]
    if not scopes or not all(re.fullmatch(SCOPE_FORM, scope) for scope in scopes):
        message = "name one or more, such as connections:read"
        raise typer.BadParameter(message, param_hint="--scope")
    return scopes


def _duration(text: str) -> timedelta:
    from infrastructure.commands.progress import duration

    try:
        return duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--expires-in") from None
