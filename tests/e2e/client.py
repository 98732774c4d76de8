"""A user of the API, with plain means: httpx for requests, a WebSocket for the stream."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.support.processes import Server, bearer
from tests.support.secrecy import without_credentials

DEADLINE = 20.0

DISCONNECT = """
mutation Disconnect($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) {
    __typename
    ... on DisconnectProviderSuccess {
      connectedProvider { id status disconnectedAt }
      attemptId
      cursor
    }
    ... on Error { message }
    ... on ConnectionNotFound { attemptId }
    ... on DisconnectionFailed { failedAttemptId: attemptId }
  }
}
"""

DISCONNECT_ALL = """
mutation DisconnectAll($count: Int!, $batch: ID!) {
  disconnectAllProviders(input: {expectedCount: $count, batchId: $batch}) {
    __typename
    ... on DisconnectAllProvidersSuccess { batchId disconnected failed cursor }
    ... on ConnectionCountChanged { count }
    ... on Error { message }
  }
}
"""

SNAPSHOT = """
{
  eventCursor
  connectedProviders { edges { node { id status disconnectedAt provider { slug } } } }
  providerEvents { edges { node { ...Shown } } }
}
"""

FOLLOW = "subscription Follow($after: String) { providerEvents(after: $after) { ...Shown } }"

SHOWN = """
fragment Shown on ProviderEvent {
  __typename
  id
  position
  cursor
  occurredAt
  attemptId
  connectionId
  provider { slug }
  ... on ProviderDisconnectionFailed { reason message }
  ... on ProviderTokenRevocationSucceeded { evidence }
  ... on ProviderTokenRevocationFailed { reason message manageUrl }
}
"""


class User:
    """One user of a running server."""

    def __init__(self, server: Server, user_id: UUID) -> None:
        self._server = server
        self.id = user_id
        self.authorization = f"Bearer {bearer(user_id)}"

    def run(self, query: str, **variables: object) -> dict[str, Any]:
        """The response to a query or a mutation, errors and all."""
        response = httpx.post(
            self._server.graphql,
            json={"query": query, "variables": variables},
            headers={"Authorization": self.authorization},
            timeout=DEADLINE,
        )
        answer: dict[str, Any] = json.loads(without_credentials(response.text))
        return answer

    def disconnect(self, connection_id: UUID) -> dict[str, Any]:
        """The member of the union that came back."""
        result: dict[str, Any] = self.run(DISCONNECT, id=str(connection_id))["data"][
            "disconnectProvider"
        ]
        return result

    def disconnect_all(self, count: int, batch_id: UUID) -> dict[str, Any]:
        """The member of the union that came back."""
        answer = self.run(DISCONNECT_ALL, count=count, batch=str(batch_id))
        result: dict[str, Any] = answer["data"]["disconnectAllProviders"]
        return result

    def snapshot(self) -> dict[str, Any]:
        """Cursor, connections by id, and events."""
        data = self.run(SNAPSHOT + SHOWN)["data"]
        return {
            "cursor": data["eventCursor"],
            "connections": {
                UUID(edge["node"]["id"]): edge["node"]
                for edge in data["connectedProviders"]["edges"]
            },
            "events": [edge["node"] for edge in data["providerEvents"]["edges"]],
        }

    @contextlib.contextmanager
    def following(self, after: str | None) -> Iterator["Stream"]:
        """An open subscription."""
        with connect(self._server.websocket, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item] # a NewType of str
            _send(socket, type="connection_init", payload={"authorization": self.authorization})
            assert json.loads(socket.recv(DEADLINE))["type"] == "connection_ack"
            payload = {"query": FOLLOW + SHOWN, "variables": {"after": after}}
            _send(socket, type="subscribe", id="1", payload=payload)
            yield Stream(socket)

    def events_after(self, after: str | None, count: int) -> list[dict[str, Any]]:
        """The next events of a subscription."""
        with self.following(after) as stream:
            return stream.take(count)


class Stream:
    """The frames of one subscription."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def frame(self) -> dict[str, Any]:
        """The next message of the server that is no ping."""
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv(DEADLINE))
            if message["type"] != "ping":
                return message

    def take(self, count: int) -> list[dict[str, Any]]:
        """So many events."""
        return [self.frame()["payload"]["data"]["providerEvents"] for _ in range(count)]

    def silent(self) -> bool:
        """Whether the server has nothing to say before it answers a ping that is sent now."""
        _send(self._socket, type="ping", payload={"after": "everything"})
        return bool(self.frame()["type"] == "pong")


def _send(socket: ClientConnection, **message: object) -> None:
    socket.send(json.dumps(message))
