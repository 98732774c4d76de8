"""The `unplug` executable as users run it: commands to their end, servers until told to stop."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import jwt
from uuid_utils.compat import uuid7

from tests.support.secrecy import CREDENTIAL, without_credentials, without_secrets

UNPLUG = Path(sys.executable).parent / "unplug"
SECRET = "a secret for tests, long enough for HS256"
DEADLINE = 90.0


def environment(**settings: str) -> dict[str, str]:
    """This process's, with no other settings than those given: `TOKEN_SECRET="…"`."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("UNPLUG_")}
    return inherited | {f"UNPLUG_{name}": value for name, value in settings.items()}


def unplug(
    *arguments: str, cwd: Path, stdin: str | None = None, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Runs a command to its end. It reads the settings given and no others."""
    done = subprocess.run(
        [UNPLUG, *arguments],
        cwd=cwd,
        env=environment(**settings),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    without_credentials(done.stdout + done.stderr)
    return done


def bearer(user_id: UUID, secret: str = SECRET, **claims: object) -> str:
    """A token for a user, as the app's own sign-in would make it."""
    return jwt.encode({"sub": str(user_id), "exp": 4_000_000_000, **claims}, secret, "HS256")


class Server:
    """A running `unplug serve` (or `demo`), from its "started" until it ends.

    It listens on a free port of the loopback and keeps it over a restart. `log` holds the lines of
    its log as they come, `output` what it printed. Neither may hold a credential: `wait` fails.
    """

    def __init__(
        self,
        cwd: Path,
        *arguments: str,
        executable: Sequence[str | Path] = (UNPLUG,),
        **settings: str,
    ) -> None:
        self._cwd = cwd
        self._executable = executable
        self._arguments = arguments or ("serve",)
        self._settings: Mapping[str, str] = {"TOKEN_SECRET": SECRET, "PORT": "0"} | settings
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self.log: list[dict[str, Any]] = []
        self.output: list[str] = []
        self._printed = threading.Condition()
        self.url = ""
        self.service_url = ""
        """Of the API of back ends; empty when it is off."""

    @property
    def graphql(self) -> str:
        return f"{self.url}/graphql"

    @property
    def websocket(self) -> str:
        return self.graphql.replace("http", "ws", 1)

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        return self._running().pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.stop()

    def start(self) -> None:
        """Returns when it takes requests. Raises with its last words when it ends instead."""
        self._process = subprocess.Popen(
            [*self._executable, *self._arguments],
            cwd=self._cwd,
            env=environment(**self._settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._readers = [
            threading.Thread(target=self._read_output, args=(self._process,), daemon=True),
            threading.Thread(target=self._read_log, args=(self._process, started), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        try:
            address = started.get(timeout=DEADLINE)
        except queue.Empty:
            self.kill()
            raise TimeoutError("the server did not start") from None
        if address is None:
            self._process.wait(DEADLINE)
            status, self._process = self._process.returncode, None
            raise RuntimeError(f"the server ended with {status}: {self.log[-5:]} {self.output}")
        self.url = address["address"]
        self.service_url = address.get("service_address", "")
        self._settings = {**self._settings, "PORT": self.url.rpartition(":")[2]}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to stop; returns its exit status. It must have gone within the deadline."""
        self.signal(number)
        return self.wait()

    def kill(self) -> None:
        """`kill -9`: it gets no chance to put anything in order."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: signal.Signals) -> None:
        self._running().send_signal(number)

    def wait(self) -> int:
        """Its exit status, once it has ended; killed when that takes too long."""
        process = self._running()
        try:
            status = process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            self._process = None
        for reader in self._readers:
            reader.join(DEADLINE)
        without_secrets(str(self.log))
        without_credentials("".join(self.output))
        return status

    def logged(self, event: str, times: int = 1) -> list[dict[str, Any]]:
        """The log's lines of that name, once there are so many."""
        with self._printed:
            assert self._printed.wait_for(lambda: len(self._named(event)) >= times, DEADLINE)
            return self._named(event)

    def _named(self, event: str) -> list[dict[str, Any]]:
        return [entry for entry in self.log if entry["event"] == event]

    def output_with(self, text: str) -> str:
        """All that it printed, once `text` is in it."""
        with self._printed:
            assert self._printed.wait_for(lambda: text in "".join(self.output), DEADLINE)
            return "".join(self.output)

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process

    def _read_output(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with self._printed:
                    self.output.append(line)
                    self._printed.notify_all()

    def _read_log(
        self, process: "subprocess.Popen[str]", started: "queue.SimpleQueue[dict[str, Any] | None]"
    ) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    entry = {"event": line.rstrip("\n"), "level": "text"}
                with self._printed:
                    self.log.append(entry)
                    self._printed.notify_all()
                if entry.get("event") == "started":
                    started.put(entry)
        started.put(None)


@contextlib.contextmanager
def running(cwd: Path, *arguments: str, **settings: str) -> Iterator[Server]:
    """A server for a `with` block."""
    with Server(cwd, *arguments, **settings) as server:
        yield server


def connection_line(user_id: UUID, connection_id: UUID | None = None, **fields: object) -> str:
    """A line of an import file: an active connection with credentials, unless told otherwise."""
    line: dict[str, object] = {
        "id": str(connection_id or uuid7()),
        "user_id": str(user_id),
        "provider_id": str(UUID(int=1)),
        "provider_slug": "schwab",
        "status": "active",
        "credentials": {"type": "oauth2", "data": {"refresh_token": CREDENTIAL}},
    }
    return json.dumps(line | fields) + "\n"
