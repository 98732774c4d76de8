"""Which files of the product one mutation passes: `python -m benchmarks.mutation_files`.

A server on SQLite notes every module in which a function runs between a request and its response.
Modules that not each of several requests needs belong to something that ran beside them; those of
the HTTP server stand before the ASGI call and are left out.
"""

import json
import os
import sys
import threading
import time
import urllib.request
from pathlib import Path
from types import FrameType

from benchmarks.databases import Sqlite
from benchmarks.unplug import Installation

ROOT = Path(__file__).resolve().parents[1]
PARTS = tuple(f"{ROOT / part}/" for part in ("domain", "schema", "infrastructure"))
BEFORE = ("infrastructure/cli", "infrastructure/commands/", "infrastructure/server/")
REQUESTS = 8
MUTATION = """mutation($id: ID!) { disconnectProvider(input: {connectionId: $id}) {
  __typename ... on DisconnectProviderSuccess { cursor } } }"""


def serve(notes: Path) -> None:
    """`unplug serve`; a file of notes that is missing gets what was entered until then."""
    entered: set[str] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            entered.add(frame.f_code.co_filename)

    def write() -> None:
        while True:
            time.sleep(0.05)
            if not notes.exists():
                files = [str(Path(f).relative_to(ROOT)) for f in [*entered] if f.startswith(PARTS)]
                entered.clear()
                complete = notes.with_suffix(".new")
                complete.write_text(json.dumps(files), encoding="utf-8")
                complete.rename(notes)

    threading.Thread(target=write, daemon=True).start()
    threading.setprofile(note)
    sys.setprofile(note)
    from infrastructure.cli import main  # noqa: PLC0415 (its own modules are noted too)

    main()


def passed() -> list[str]:
    """The files that each request entered."""
    with Sqlite().installation(users=1, connections=REQUESTS + 1) as unplug:
        notes = unplug.directory / "notes"
        program = [sys.executable, "-m", "benchmarks.mutation_files"]
        environment = {"NOTES": str(notes), "PYTHONPATH": str(ROOT)}
        with unplug.serving(program, **environment) as server:
            found = []
            for connection_id in unplug.connection_ids:
                _noted(notes)
                _disconnect(server.port, unplug, connection_id)
                found.append(_noted(notes))
    needed = set.intersection(*found[1:])  # the first one fills caches
    return sorted(file for file in needed if not file.startswith(BEFORE))


def _noted(notes: Path) -> set[str]:
    """The files that were entered since the last call."""
    notes.unlink(missing_ok=True)
    while not notes.exists():
        time.sleep(0.01)
    return set(json.loads(notes.read_text(encoding="utf-8")))


def _disconnect(port: int, unplug: Installation, connection_id: str) -> None:
    body = json.dumps({"query": MUTATION, "variables": {"id": connection_id}}).encode()
    headers = {"authorization": f"Bearer {unplug.tokens[0]}", "content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, headers)
    with urllib.request.urlopen(request) as response:  # noqa: S310 (the address is our own)
        assert b"DisconnectProviderSuccess" in response.read()


if __name__ == "__main__":
    if "NOTES" in os.environ:
        serve(Path(os.environ["NOTES"]))
    else:
        files = passed()
        print(*files, f"{len(files)} files", sep="\n")
