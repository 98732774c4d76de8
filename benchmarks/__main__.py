"""`python -m benchmarks`: one table of figures, each as a ratio to a floor of the same run."""

import os
import platform
import resource
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.databases import Postgres, Sqlite
from benchmarks.fan_out import fan_out
from benchmarks.figure import Row, Settings
from benchmarks.floods import floods
from benchmarks.growth import growth
from benchmarks.incident import incident
from benchmarks.mutations import durable, graphql_path, latency
from benchmarks.peers.figure import peers
from benchmarks.revocation import revocation
from benchmarks.services import services
from benchmarks.start import start
from benchmarks.streams import delay, delivery, memory
from benchmarks.webhooks import everything, webhooks
from benchmarks.workers import workers
from benchmarks.worst_user import worst_user

FIGURES: dict[str, Callable[[Settings], list[Row]]] = {
    "sqlite": lambda settings: durable(settings, Sqlite()),
    "postgres": lambda settings: durable(settings, Postgres()),
    "graphql": graphql_path,
    "latency": latency,
    "delivery": delivery,
    "delay": delay,
    "memory": memory,
    "growth": growth,
    "floods": floods,
    "services": services,
    "worst-user": worst_user,
    "fan-out": fan_out,
    "webhooks": webhooks,
    "everything": everything,
    "revocation": revocation,
    "peers": peers,
    "incident": incident,
    "workers": workers,
    "start": start,
}


def main(
    figure: Annotated[
        list[str] | None, typer.Option(help=f"Only these: {', '.join(FIGURES)}.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Alternating runs; the median counts.")] = 5,
    seconds: Annotated[float, typer.Option(help="How long each run is measured.")] = 5.0,
) -> None:
    """Measures, and exits with 1 when a target is missed."""
    unknown = set(figure or ()) - set(FIGURES)
    if unknown:
        raise typer.BadParameter(f"unknown figure: {', '.join(sorted(unknown))}")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # for ten thousand sockets
    settings = Settings(rounds=rounds, seconds=seconds, warm_up=min(1.0, seconds))
    rows: list[Row] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            for name in figure or FIGURES:
                task = progress.add_task(name, total=None)
                rows += FIGURES[name](settings)
                progress.remove_task(task)
    finally:  # what was measured before a run failed is worth reading
        _print(rows, settings)
    raise typer.Exit(0 if all(row.reached for row in rows) else 1)


def _print(rows: list[Row], settings: Settings) -> None:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    title = f"{machine}; medians of {settings.rounds} runs of {settings.seconds:g} s"
    table = Table("figure", "value", "floor", "", "ratio", "target", "", title=title)
    for row in rows:
        sign = "≥" if row.at == "least" else "≤"
        table.add_row(
            row.name,
            f"{row.value:,.1f} {row.unit}",
            f"{row.floor:,.1f}",
            row.floor_name,
            f"{row.ratio:.2f}",
            f"{sign} {row.target:g}",
            "reached" if row.reached else "missed",
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    typer.run(main)
