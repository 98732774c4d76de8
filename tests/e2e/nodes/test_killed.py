"""`kill -9` at every step of the command: afterwards row, log and stream agree."""

import sys
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from uuid_utils.compat import uuid7

from tests.e2e.client import User
from tests.e2e.nodes.killed import STEPS
from tests.support.processes import Server, connection_line, running, unplug

OWNER = UUID(int=1)
UNTOUCHED: list[str] = []
INTERRUPTED = ["ProviderDisconnectionAttempted", "ProviderDisconnectionFailed"]
DONE = ["ProviderDisconnectionAttempted", "ProviderDisconnectionSucceeded"]

EXPECTED = {
    "before the connection is looked for": UNTOUCHED,
    "after the connection is found": UNTOUCHED,
    "before the transaction of Attempted": UNTOUCHED,
    "when Attempted is about to be committed": UNTOUCHED,
    "after Attempted is committed": INTERRUPTED,
    "before the connection is saved": INTERRUPTED,
    "before the transaction of the disconnection": INTERRUPTED,
    "when the connection has been changed": INTERRUPTED,
    "when the disconnection is about to be committed": INTERRUPTED,
    "after the disconnection is committed": DONE,
    "before the answer": DONE,
}


def test_every_step_is_tried() -> None:
    assert EXPECTED.keys() == STEPS.keys()


@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_half_done(step: str, tmp_path: Path) -> None:
    connection_id: UUID = uuid7()
    unplug("import", "-", cwd=tmp_path, stdin=connection_line(OWNER, connection_id))
    doomed = Server(
        tmp_path, "serve", executable=[sys.executable, "-m", "tests.e2e.nodes.killed", step]
    )
    with doomed:
        start = User(doomed, OWNER).snapshot()["cursor"]
        with pytest.raises(httpx.RemoteProtocolError):
            User(doomed, OWNER).disconnect(connection_id)
        doomed.wait()

    with running(tmp_path) as server:
        owner = User(server, OWNER)
        snapshot = owner.snapshot()
        events, kinds = snapshot["events"], EXPECTED[step]
        assert [event["__typename"] for event in events] == kinds
        assert [event["position"] for event in events] == [*range(1, len(kinds) + 1)]
        assert [event["reason"] for event in events if "reason" in event] == (
            ["INTERRUPTED"] if kinds == INTERRUPTED else []
        )
        status = "DISCONNECTED" if kinds == DONE else "ACTIVE"
        assert snapshot["connections"][connection_id]["status"] == status
        assert owner.events_after(start, len(kinds)) == events
        assert owner.disconnect(connection_id)["__typename"] == "DisconnectProviderSuccess"
