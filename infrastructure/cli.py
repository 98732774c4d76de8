"""The `unplug` command. Exit status: 0 done, 1 failed, 2 used or set up wrongly."""

import sys
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from infrastructure.durations import duration
from infrastructure.failures import Failed
from infrastructure.identity import issue
from infrastructure.settings import SettingsError, load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Runs a command. What operators can mend is a sentence, not a traceback."""
    try:
        app()
    except SettingsError as error:
        _exit(2, error)
    except Failed as error:
        _exit(1, error)


def _duration(text: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--expires-in") from None


def _exit(status: int, error: Exception) -> None:
    typer.echo(str(error), err=True)
    sys.exit(status)


@app.callback()
def unplug() -> None:
    """Disconnect data providers, and show every step of it live.

    Settings are environment variables that begin with UNPLUG_.
    """


@app.command()
def token(
    user_id: Annotated[UUID, typer.Argument(help="The user whom the token stands for.")],
    expires_in: Annotated[
        str,
        typer.Option(
            envvar="UNPLUG_EXPIRES_IN",
            metavar="DURATION",
            help="How long it is valid, such as 90s, 15m, 1h30m or 7d.",
        ),
    ] = "1h",
) -> None:
    """Print a token signed with the shared secret (UNPLUG_TOKEN_SECRET)."""
    typer.echo(issue(load_settings(), user_id, _duration(expires_in)))
