"""What a user sees of their connections and revocations."""

import time
from typing import Any, TypeAlias
from uuid import UUID

import httpx

from tests.support.processes import Server, bearer

Json: TypeAlias = Any
"""Decoded JSON."""

DEADLINE = 30.0

DISCONNECT = """mutation ($id: ID!) { disconnectProvider(input: {connectionId: $id}) {
  ... on DisconnectProviderSuccess { connectedProvider { revocation { status since manageUrl } } }
} }"""
CONNECTION = """query ($id: ID!) { node(id: $id) { ... on ConnectedProvider {
  status revocation { status since manageUrl } } } }"""
EVENTS = """query ($id: ID) { providerEvents(connectionId: $id, last: 100) { edges { node {
  __typename
  ... on ProviderTokenRevocationSucceeded { evidence }
  ... on ProviderTokenRevocationFailed { reason message manageUrl } } } } }"""


class User:
    """Of one server after another."""

    def __init__(self, user_id: UUID) -> None:
        self._token = bearer(user_id)

    def ask(self, server: Server, query: str, connection_id: UUID) -> Json:
        answer = httpx.post(
            server.graphql,
            json={"query": query, "variables": {"id": str(connection_id)}},
            headers={"authorization": f"Bearer {self._token}"},
            timeout=DEADLINE,
        ).json()
        assert "errors" not in answer, answer
        (found,) = answer["data"].values()
        return found

    def disconnect(self, server: Server, connection_id: UUID) -> Json:
        """The revocation as the answer has it."""
        done = self.ask(server, DISCONNECT, connection_id)
        return done["connectedProvider"]["revocation"]

    def revocation(self, server: Server, connection_id: UUID) -> Json:
        return self.ask(server, CONNECTION, connection_id)["revocation"]

    def settled(self, server: Server, connection_id: UUID) -> Json:
        """The revocation, once it is not pending any more."""
        until = time.monotonic() + DEADLINE
        while (found := self.revocation(server, connection_id))["status"] == "PENDING":
            assert time.monotonic() < until, "still pending"
            time.sleep(0.02)
        return found

    def events(self, server: Server, connection_id: UUID) -> list[Json]:
        found = self.ask(server, EVENTS, connection_id)
        return [edge["node"] for edge in found["edges"]]

    def outcomes(self, server: Server, connection_id: UUID) -> list[Json]:
        """Events that end a revocation."""
        ends = ("ProviderTokenRevocationSucceeded", "ProviderTokenRevocationFailed")
        events = self.events(server, connection_id)
        return [event for event in events if event["__typename"] in ends]
