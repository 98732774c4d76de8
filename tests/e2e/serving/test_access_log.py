"""The running server's log: who asked, how it ended, and never what was said."""

import json
from pathlib import Path
from uuid import UUID

import httpx
from uuid_utils.compat import uuid7

from tests.e2e.client import DISCONNECT
from tests.support.processes import Server, bearer, connection_line, running, unplug

ADA = UUID(int=0xADA)
CONNECTION: UUID = uuid7()
PLANTED = "hunter2hunter2"
TOKEN = bearer(ADA, name=PLANTED)


def test_the_log_tells_who_and_how_and_never_what(tmp_path: Path) -> None:
    credentials = {"type": "oauth2", "data": {"refresh_token": PLANTED}}
    line = connection_line(ADA, CONNECTION, credentials=credentials, alias=PLANTED)
    imported = unplug("import", "-", cwd=tmp_path, stdin=line)
    with running(tmp_path) as server:
        _plant(server)
    lines = {entry["request_id"]: entry for entry in server.log if entry["event"] == "operation"}
    assert [
        (lines[f"planted-{n}"]["operation"], lines[f"planted-{n}"]["outcome"]) for n in range(6)
    ] == [
        ("Disconnect", "ok"),
        ("Where", "BAD_USER_INPUT"),
        (None, "BAD_USER_INPUT"),
        (None, "GRAPHQL_VALIDATION_FAILED"),
        (None, "GRAPHQL_PARSE_FAILED"),
        (None, "UNAUTHENTICATED"),
    ]
    assert {lines[f"planted-{n}"]["user_id"] for n in range(5)} == {str(ADA)}
    everything = json.dumps(server.log) + "".join(server.output) + imported.stdout + imported.stderr
    for planted in (PLANTED, TOKEN, TOKEN.rpartition(".")[2], str(CONNECTION)):
        assert planted not in everything


def _plant(server: Server) -> None:
    """Sends secrets wherever a client can put one."""
    queries = [
        {"query": DISCONNECT, "variables": {"id": str(CONNECTION), "other": PLANTED}},
        {"query": "query Where($id: ID!) { node(id: $id) { id } }", "variables": {"id": PLANTED}},
        {"query": f'{{ node(id: "{PLANTED}") {{ id }} }}'},
        {"query": f"{{ {PLANTED} }}"},
        {"query": f"{{ {PLANTED}"},
    ]
    with httpx.Client(timeout=20) as client:
        for number, query in enumerate(queries):
            sent = {"authorization": f"Bearer {TOKEN}", "x-request-id": f"planted-{number}"}
            client.post(server.graphql, json=query, headers=sent)
        bad = {"authorization": f"Bearer {TOKEN}x", "x-request-id": "planted-5"}
        client.post(server.graphql, json=queries[0], headers=bad)
        client.get(f"{server.graphql}?query={{a}}&secret={PLANTED}&access_token={TOKEN}")
        client.get(f"{server.url}/nowhere/{PLANTED}?{PLANTED}", headers={"cookie": PLANTED})
