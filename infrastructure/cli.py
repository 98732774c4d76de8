"""The `unplug` command. `infrastructure.failures` has its exit codes.

Each command imports what it needs, so that `unplug token` does not wait for a web server to load.
"""

import asyncio
import sys
from datetime import timedelta
from importlib.metadata import version
from typing import Annotated
from uuid import UUID

import typer

from domain.events import EventCursor
from domain.identifiers import UserId
from domain.ports import StorageError
from infrastructure.failures import DatabaseUnavailable, ExitCode, OperatorError
from infrastructure.observability.logging import configure_logging
from infrastructure.settings import load_settings, misspelt_settings

Host = Annotated[str, typer.Option(envvar="UNPLUG_HOST", help="Address to listen on.")]
Port = Annotated[
    int,
    typer.Option(
        envvar="UNPLUG_PORT", min=0, max=65535, help="Port to listen on; 0 takes a free one."
    ),
]

_EXIT_CODES = "\n".join(f"{code:>3}  {code.meaning}" for code in ExitCode)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=f"Exit codes:\n{_EXIT_CODES}",
)


def main() -> None:
    """Runs a command. An `OperatorError` is printed as a sentence, not as a traceback."""
    for name, like in misspelt_settings():
        typer.echo(f"{name} is not a setting; did you mean {like}?", err=True)
    try:
        app()
    except OperatorError as error:
        _exit(error)
    except StorageError:
        _exit(DatabaseUnavailable("The database can't be read or written; see the log."))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("unplug"))
        raise typer.Exit


@app.callback()
def unplug(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Disconnect users' data providers and stream every step live.

    Settings are environment variables that begin with UNPLUG_; docs/operators.md lists them.
    """


@app.command()
def demo(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    browser: Annotated[
        bool, typer.Option(envvar="UNPLUG_BROWSER", help="Open the page in a browser.")
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


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Requires UNPLUG_TOKEN_SECRET (or ..._PUBLIC_KEY or ..._JWKS_URL).
    The database is UNPLUG_DATABASE_URL; by default the file ./unplug.sqlite3.
    """
    from infrastructure.commands.serve import run_node

    settings = load_settings()
    configure_logging(settings.log_level or "info")
    run_node(settings, host, port)


@app.command()
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


@app.command("import")
def import_(
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(
            metavar="FILE.jsonl", help="One connection per line; - reads standard input."
        ),
    ],
) -> None:
    """Import existing connections, encrypting their credentials.

    docs/operators.md describes a line. Bad lines are reported and skipped (exit code 1).
    A connection whose id exists already is left untouched.
    A line without an id creates a new connection every time.
    """
    from infrastructure.commands.importing.connections import Report
    from infrastructure.commands.maintenance import import_file

    configure_logging("warning")
    report = Report()
    try:
        asyncio.run(import_file(load_settings(), file, report))
    finally:
        typer.echo(
            f"{report.imported} imported, {report.present} already there, {report.bad} bad lines"
        )
    if report.bad:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
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
    from infrastructure.security.identity import issue

    typer.echo(issue(token_trust(load_settings()), UserId(user_id), _duration(expires_in)))


@app.command()
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
            envvar="UNPLUG_AFTER", metavar="CURSOR", help="Only events after this cursor."
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", envvar="UNPLUG_FOLLOW", help="Keep printing new events until Ctrl-C."
        ),
    ] = False,
) -> None:
    """Print the audit trail as JSON lines, with the true reasons of failures."""
    from infrastructure.commands.maintenance import print_events

    configure_logging("warning")
    cursor = None if after is None else _cursor(after, user_id)
    whose = cursor.user_id if cursor else UserId(user_id) if user_id else None
    try:
        asyncio.run(print_events(load_settings(), whose, cursor, follow=follow))
    except KeyboardInterrupt:
        if not follow:
            raise


@app.command("rotate-keys")
def rotate_keys() -> None:
    """Re-encrypt all credentials with the first key. Safe to interrupt and repeat."""
    from infrastructure.commands.maintenance import rotate_all_keys
    from infrastructure.commands.rotate_keys import Rotation

    configure_logging("warning")
    rotation = Rotation()
    try:
        asyncio.run(rotate_all_keys(load_settings(), rotation))
    finally:
        typer.echo(f"{rotation.rotated} re-encrypted, {len(rotation.unreadable)} unreadable")
    if rotation.unreadable:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
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


def _cursor(text: str, user_id: UUID | None) -> EventCursor:
    cursor = EventCursor.decode(text)
    if cursor is None:
        raise typer.BadParameter("this is not a cursor", param_hint="--after")
    if user_id not in {None, cursor.user_id}:
        raise typer.BadParameter("this is another user's cursor", param_hint="--after")
    return cursor


def _exit(error: OperatorError) -> None:
    typer.echo(str(error), err=True)
    sys.exit(error.exit_code)
