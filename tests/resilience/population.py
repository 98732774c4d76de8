"""Users and their connections, and how each got there."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.fernet import Fernet

from tests.support.processes import connection_line

USERS = 12
CONNECTIONS_PER_USER = 60
SERVED_PER_USER = 15
"""So many of them, the first ones, are used by back ends as well."""


@dataclass(frozen=True, slots=True)
class Population:
    """All users, and all that they have connected."""

    connections: dict[UUID, list[UUID]]
    key: str

    @classmethod
    def of(cls, chance: random.Random) -> "Population":
        """The same for the same seed, save for the key."""
        connections = {
            _uuid(chance): [_uuid(chance) for _ in range(CONNECTIONS_PER_USER)]
            for _ in range(USERS)
        }
        return cls(connections, Fernet.generate_key().decode())

    @property
    def users(self) -> list[UUID]:
        return list(self.connections)

    def some(self, chance: random.Random, count: int) -> "Population":
        """A few of them."""
        return self.only(chance.sample(self.users, count))

    def only(self, users: Sequence[UUID]) -> "Population":
        """These of them."""
        return Population({user_id: self.connections[user_id] for user_id in users}, self.key)

    def import_file(self) -> str:
        """For `unplug import`."""
        return "".join(
            connection_line(user_id, connection_id)
            for user_id, owned in self.connections.items()
            for connection_id in owned
        )

    def pick(self, chance: random.Random) -> tuple[UUID, UUID]:
        """Who disconnects what next: mostly something of their own, at times again, at times
        another user's or none at all."""
        user_id = chance.choice(self.users)
        owner = user_id if chance.random() < 0.9 else chance.choice(self.users)
        if chance.random() < 0.05:
            return user_id, _uuid(chance)
        return user_id, chance.choice(self.connections[owner])

    @property
    def imported(self) -> set[UUID]:
        """The connections that no back end uses."""
        return {
            connection_id
            for owned in self.connections.values()
            for connection_id in owned[SERVED_PER_USER:CONNECTIONS_PER_USER]
        }

    def pick_served(self, chance: random.Random) -> tuple[UUID, UUID]:
        """A connection that back ends use, and whose it is."""
        user_id = chance.choice(self.users)
        owned = self.connections[user_id]
        return user_id, chance.choice(owned[:SERVED_PER_USER] + owned[CONNECTIONS_PER_USER:])

    def served(self, user_id: UUID, connection_id: UUID) -> None:
        """A back end has connected it: from now on it takes part."""
        if connection_id not in self.connections[user_id]:
            self.connections[user_id].append(connection_id)


def mutation(connection_id: UUID) -> bytes:
    """The body of a request."""
    query = """
        mutation ($id: ID!) {
          disconnectProvider(input: {connectionId: $id}) {
            __typename
            ... on DisconnectProviderSuccess { attemptId cursor }
            ... on ConnectionNotFound { attemptId }
            ... on DisconnectionFailed { failedAttemptId: attemptId }
          }
        }
    """
    return json.dumps({"query": query, "variables": {"id": str(connection_id)}}).encode()


def _uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)
