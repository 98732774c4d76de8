"""The commands of `unplug`, with their options.

Each command imports what it needs, so that `unplug token` does not wait for a web server to load.
"""

import asyncio
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from domain.identifiers import UserId
from infrastructure.commands.help_texts import EXIT_CODES, NAMES, PlainCommand, PlainGroup
from infrastructure.failures import ExitCode
from infrastructure.observability.logging import configure_logging
from infrastructure.settings import load_settings

Host = Annotated[
    str, typer.Option(envvar="UNPLUG_HOST", metavar="ADDRESS", help="Address to listen on.")
]
Port = Annotated[
    int,
    typer.Option(
        envvar="UNPLUG_PORT",
        metavar="PORT",
        min=0,
        max=65535,
        help="Port to listen on; 0 takes a free one.",
    ),
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    cls=PlainGroup,
    context_settings=NAMES,
    epilog=EXIT_CODES,
)
command = partial(app.command, cls=PlainCommand)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("unplug"))
        raise typer.Exit


@app.callback()
def unplug(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, metavar="", help="Print the version."
        ),
    ] = False,
) -> None:
    """Disconnect users' data providers and stream every step live.

    Settings are environment variables that begin with UNPLUG_; docs/operators.md lists them.
    """


@command()
def demo(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    browser: Annotated[
        bool, typer.Option(envvar="UNPLUG_BROWSER", metavar="", help="Open the page in a browser.")
    ] = True,
) -> None:
    """Try it: a server with a demo user, on its own database.

    The database is ./unplug-demo.sqlite3, with a .key and a .lock file beside it.
    All three can be deleted when the demo is stopped.
    """
    from infrastructure.commands.demo.run import run_demo
    from infrastructure.commands.demo.settings import demo_settings

    settings = demo_settings()
    configure_logging(settings.log_level or "warning")
    run_demo(settings, host, port, browser=browser)


@command()
def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Requires UNPLUG_TOKEN_SECRET (or ..._PUBLIC_KEY or ..._JWKS_URL).
    The database is UNPLUG_DATABASE_URL; by default the file ./unplug.sqlite3.
    """
    from infrastructure.commands.serve import run_node

    settings = load_settings()
    configure_logging(settings.log_level or "info")
    run_node(settings, host, port)


@command()
def migrate() -> None:
    """Bring the database's schema up to date.

    On PostgreSQL `serve` requires it; servers may be running meanwhile.
    On SQLite `serve` does it itself; this also finishes a postponed purge.
    """
    from infrastructure.commands.maintenance import migrate_database

    configure_logging("warning")
    applied = asyncio.run(migrate_database(load_settings()))
    for name in applied:
        typer.echo(f"applied {name}")
    typer.echo("The schema is up to date.")


@command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.jsonl",
            help="One connection per line; - reads standard input.",
        ),
    ],
) -> None:
    """Import existing connections, encrypting their credentials.

    docs/operators.md describes a line. Bad lines are reported and skipped (exit code 1).
    A connection whose id exists already is left untouched.
    A line without an id creates a new connection every time.
    """
    from infrastructure.commands.importing.formats import open_file
    from infrastructure.commands.maintenance import import_file

    configure_logging("warning")
    try:
        opening = open_file(file)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}.", param_hint="FILE.jsonl") from None
    with opening as opened:
        report = asyncio.run(import_file(load_settings(), opened))
    if report.bad:
        raise typer.Exit(ExitCode.FAILED)


@command()
def token(
    user_id: Annotated[
        UUID, typer.Argument(metavar="USER_ID", help="The user that the token authenticates.")
    ],
    expires_in: Annotated[
        str,
        typer.Option(
            envvar="UNPLUG_EXPIRES_IN",
            metavar="DURATION",
            help="How long the token is valid, such as 90s, 15m, 1h30m or 7d.",
        ),
    ] = "1h",
) -> None:
    """Print a token signed with the shared secret (UNPLUG_TOKEN_SECRET)."""
    from infrastructure.adapters import token_trust
    from infrastructure.security.issuing import issue

    typer.echo(issue(token_trust(load_settings()), str(user_id), _duration(expires_in)))


@command()
def events(
    user_id: Annotated[
        UUID | None,
        typer.Argument(
            metavar="USER_ID", help="Only this user's events; by default those of all users."
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(
            envvar="UNPLUG_AFTER",
            metavar="CURSOR",
            help="Only events after this cursor, the `cursor` of a line that was printed.",
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            envvar="UNPLUG_FOLLOW",
            metavar="",
            help="Keep printing new events until Ctrl-C.",
        ),
    ] = False,
) -> None:
    """Print the audit trail as JSON lines, with the true reasons of failures.

    Events come in the order in which they were committed.
    A cursor stays valid until a restore removes its event, which is an error.
    """
    from infrastructure.commands.audit.show import print_events, starting_point

    configure_logging("warning")
    try:
        start = starting_point(UserId(user_id) if user_id else None, after)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--after") from None
    try:
        asyncio.run(print_events(load_settings(), start, follow=follow))
    except KeyboardInterrupt:
        if not follow:
            raise


@command("rotate-keys")
def rotate_keys() -> None:
    """Re-encrypt all credentials with the first key. Safe to interrupt and repeat."""
    from infrastructure.commands.maintenance import rotate_all_keys

    configure_logging("warning")
    rotation = asyncio.run(rotate_all_keys(load_settings()))
    if rotation.unreadable:
        raise typer.Exit(ExitCode.FAILED)


@command()
def schema() -> None:
    """Print the GraphQL schema."""
    from infrastructure.app import sdl

    typer.echo(sdl())


def _duration(text: str) -> timedelta:
    from infrastructure.commands.progress import duration

    try:
        return duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--expires-in") from None
