"""Figure 14: how long a start takes, which a rolling deploy waits for."""

import http.client
import json
import subprocess
import time
from functools import partial

from benchmarks.databases import Sqlite
from benchmarks.figure import Row, Settings, alternating
from benchmarks.processes import START_SECONDS, free_port
from benchmarks.unplug import EXECUTABLE, Installation, token

SERVE_MILLISECONDS, HELP_MILLISECONDS = 1_500.0, 300.0


def start(settings: Settings) -> list[Row]:
    """`unplug serve` to its first answer, and `unplug --help` to its end."""
    with Sqlite().installation(users=1, connections=1) as unplug:
        served, helped = alternating(
            settings.rounds, partial(_first_answer, unplug), partial(_help, unplug)
        )
    return [
        Row(
            name=name,
            unit="ms",
            value=value,
            floor=allowed,
            floor_name="allowed",
            target=1.0,
            at="most",
        )
        for name, value, allowed in (
            ("14 Start of `serve` to the first answer, SQLite", served, SERVE_MILLISECONDS),
            ("14 `unplug --help`", helped, HELP_MILLISECONDS),
        )
    ]


def _first_answer(unplug: Installation) -> float:
    port = free_port()
    began = time.perf_counter()
    process = subprocess.Popen(
        [EXECUTABLE, "serve", "--port", str(port)],
        env=unplug.environment,
        cwd=unplug.directory,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - began > START_SECONDS:
                raise RuntimeError("the server did not start")
            time.sleep(0.005)
        return (time.perf_counter() - began) * 1_000
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    headers = {"authorization": f"Bearer {token(0)}", "content-type": "application/json"}
    try:
        connection.request("POST", "/graphql", json.dumps({"query": "{ eventCursor }"}), headers)
        answer = connection.getresponse()
        if answer.status != 200 or b'"eventCursor":"' not in answer.read():
            raise RuntimeError(f"the first answer was wrong: {answer.status}")
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()
    return True


def _help(unplug: Installation) -> float:
    began = time.perf_counter()
    unplug.run("--help")
    return (time.perf_counter() - began) * 1_000
