"""Commands that run until they are stopped: `demo` and `serve`."""

import re
from typing import Annotated

import typer

from infrastructure.commands.command_line.application import command
from infrastructure.commands.command_line.preparing import configure_logging, load_settings

LAST_PORT = 65535
MOST_WORKERS = 64


def _port(written: object) -> int:
    """Typer's own numbers are Python's: `8_0` and `8080.0` as well."""
    text = str(written).strip()
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > LAST_PORT:
        raise typer.BadParameter(f"a port is a whole number from 0 to {LAST_PORT}")
    return int(text)


def _workers(written: object) -> int:
    text = str(written).strip()
    if not re.fullmatch("[0-9]{1,2}", text) or not 1 <= int(text) <= MOST_WORKERS:
        raise typer.BadParameter(f"a whole number from 1 to {MOST_WORKERS}")
    return int(text)


Host = Annotated[
    str, typer.Option(envvar="UNPLUG_HOST", metavar="ADDRESS", help="Address to listen on.")
]
Port = Annotated[
    int,
    typer.Option(
        envvar="UNPLUG_PORT",
        metavar="PORT",
        parser=_port,
        help="Port to listen on; 0 takes a free one.",
    ),
]


@command()
def demo(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    browser: Annotated[
        bool, typer.Option(envvar="UNPLUG_BROWSER", metavar="", help="Open the page in a browser.")
    ] = True,
) -> None:
    """Try it: a server with a demo user, on its own database.

    The user's tokens come from a demo provider beside it, which really ends them.

    The database is ./unplug-demo.sqlite3, with a .key and a .lock file beside it.
    All three can be deleted when the demo is stopped.
    """
    from infrastructure.commands.demo.run import run_demo
    from infrastructure.commands.demo.settings import demo_settings

    settings = demo_settings()
    configure_logging(settings.log_level or "warning")
    run_demo(settings, host, port, browser=browser)


@command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[
        int,
        typer.Option(
            envvar="UNPLUG_WORKERS",
            metavar="N",
            parser=_workers,
            help="Processes that share the port, on PostgreSQL; limits and pools are per process.",
        ),
    ] = 1,
) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Requires UNPLUG_TOKEN_SECRET (or ..._PUBLIC_KEY or ..._JWKS_URL).
    The database is UNPLUG_DATABASE_URL; by default the file ./unplug.sqlite3.
    """
    settings = load_settings()
    configure_logging(settings.log_level or "info")
    if workers == 1:
        from infrastructure.commands.serve import run_node

        run_node(settings, host, port)
    else:
        from infrastructure.commands.serve_workers import run_workers

        raise typer.Exit(run_workers(settings, host, port, workers))
