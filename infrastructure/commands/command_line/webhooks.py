"""`unplug webhooks`: endpoints of the app's other services."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import typer

from infrastructure.commands.command_line.application import app
from infrastructure.commands.command_line.help_texts import NAMES, PlainCommand, PlainGroup
from infrastructure.commands.command_line.preparing import configure_logging, load_settings

webhooks = typer.Typer(
    cls=PlainGroup, no_args_is_help=True, context_settings=NAMES, pretty_exceptions_enable=False
)
command = partial(webhooks.command, cls=PlainCommand)

EndpointId = Annotated[
    UUID, typer.Argument(metavar="ENDPOINT", help="Its id, which `add` and `list` print.")
]


@webhooks.callback()
def webhooks_() -> None:
    """Deliver every event to other services of the app, as signed HTTP requests.

    Requests follow Standard Webhooks: receivers verify them with its libraries.
    Each event arrives at least once, and in order for each user.
    Running servers deliver, and notice changes within a second.
    docs/webhooks.md is the guide for receivers.
    """


app.add_typer(webhooks, name="webhooks")


@command("add")
def add(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Where to send; https, except on the loopback.")
    ],
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            envvar="UNPLUG_TYPE",
            metavar="TYPE",
            help="Send only this type, such as provider.disconnection.succeeded; may be repeated.",
        ),
    ] = None,
    from_start: Annotated[
        bool,
        typer.Option(
            "--from-start",
            envvar="UNPLUG_FROM_START",
            metavar="",
            help="Send all that ever happened as well, at a bounded pace.",
        ),
    ] = False,
) -> None:
    """Add an endpoint, and print its id and its secret.

    The secret (whsec_...) is printed only now; the receiver verifies signatures with it.
    Events that are committed from now on are sent, those under way included.
    """
    from infrastructure.commands.webhooks import Subscription, add_endpoint
    from infrastructure.webhooks.endpoints import check_url

    settings = load_settings()
    try:
        check_url(url, private_addresses=settings.webhook_private_addresses)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="URL") from None
    wanted = Subscription(url=url, event_types=_known(types or []), from_start=from_start)
    _run(add_endpoint(settings, wanted))


@command("list")
def list_() -> None:
    """Show each endpoint: state, users behind, last status.

    starting: commits that were under way when it was added are waited for.
    active: it is sent events; "paused" says that it failed, and when the next try is.
    failing: ten tries in three days failed. "refused" shows events that only one user waits for.
    disabled: it answered 410.
    """
    from infrastructure.commands.webhooks import list_endpoints

    _run(list_endpoints(load_settings()))


@command("remove")
def remove(endpoint: EndpointId) -> None:
    """Remove an endpoint for good.

    Its secret and its place in the log are deleted. A request that is on its way may still arrive.
    """
    from infrastructure.commands.webhooks import remove_endpoint

    _run(remove_endpoint(load_settings(), endpoint))


@command("rotate")
def rotate(
    endpoint: EndpointId,
    overlap: Annotated[
        str,
        typer.Option(
            envvar="UNPLUG_OVERLAP",
            metavar="DURATION",
            help="How long the old secret signs as well, such as 90s, 15m, 24h or 7d.",
        ),
    ] = "24h",
) -> None:
    """Print a new secret; the old one signs as well for a while.

    Receivers accept either signature: give them the new secret during the overlap.
    """
    from infrastructure.commands.progress import duration
    from infrastructure.commands.webhooks import rotate_secret

    try:
        length = duration(overlap)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--overlap") from None
    _run(rotate_secret(load_settings(), endpoint, length))


@command("test")
def test(endpoint: EndpointId) -> None:
    """Send one message of type webhook.test, and print the status of the answer.

    It is sent from here, once, and nothing is recorded. The exit code is 1 unless it was received.
    """
    from infrastructure.commands.webhooks import test_endpoint

    _run(test_endpoint(load_settings(), endpoint))


@command("resume")
def resume(
    endpoint: EndpointId,
    skip: Annotated[
        UUID | None,
        typer.Option(
            envvar="UNPLUG_SKIP",
            metavar="EVENT",
            help="Skip this event, which `list` shows as refused.",
        ),
    ] = None,
) -> None:
    """Send to a failing, disabled or paused endpoint again.

    It is sent all that has happened meanwhile, in order.
    """
    from infrastructure.commands.webhooks import resume_endpoint

    _run(resume_endpoint(load_settings(), endpoint, skip))


def _known(types: list[str]) -> frozenset[str] | None:
    from infrastructure.webhooks.messages import EVENT_TYPES

    for name in types:
        if name not in EVENT_TYPES.values():
            known = ", ".join(EVENT_TYPES.values())
            message = f"{name!r} is not a type of event; there are {known}"
            raise typer.BadParameter(message, param_hint="--type")
    return frozenset(types) or None


def _run(work: Coroutine[Any, Any, None]) -> None:
    configure_logging("warning")
    asyncio.run(work)
