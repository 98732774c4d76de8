"""Figures 5 to 7: what a subscription costs."""

import json

from benchmarks.mutations import MUTATION
from benchmarks.processes import Server, ws_load
from benchmarks.ws_load import Plan, Report

SUBSCRIPTION = """
subscription Follow($after: String) {
  providerEvents(after: $after) {
    __typename
    id
    position
    cursor
    occurredAt
    attemptId
    connectionId
  }
}
"""
SUBSCRIBERS = 1_000


def init(token: str) -> str:
    """The handshake's message."""
    payload = {"authorization": f"Bearer {token}"}
    return json.dumps({"type": "connection_init", "payload": payload})


def subscribe() -> str:
    """A subscription from now on."""
    return json.dumps({"id": "1", "type": "subscribe", "payload": {"query": SUBSCRIPTION}})


def mutation(server: Server, token: str, connection_id: str) -> str:
    """A mutation as an HTTP request."""
    body = json.dumps({"query": MUTATION, "variables": {"id": connection_id}})
    return (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n"
        f"authorization: Bearer {token}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}"
    )


def fan_out(server: Server, token: str, ids: list[str], commands: int, expect: str) -> Report:
    """One user's events to all of their subscribers."""
    return ws_load(
        Plan(
            port=server.port,
            sockets=SUBSCRIBERS,
            messages=[[init(token), subscribe()]],
            frames=[2 * commands],
            requests=[mutation(server, token, ids[n % len(ids)]) for n in range(commands)],
            expect=expect,
        )
    )
