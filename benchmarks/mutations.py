"""Figures 1 to 4: what a mutation costs."""

import json
from uuid import UUID

from benchmarks.figure import Row, Settings, alternating
from benchmarks.http_load import Plan, Report
from benchmarks.processes import Server, http_load, serving

MUTATION = """
mutation Disconnect($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) {
    __typename
    ... on DisconnectProviderSuccess {
      attemptId
      cursor
      connectedProvider { id status disconnectedAt provider { slug } }
    }
    ... on Error { message }
  }
}
"""
EXPECTED = '"__typename":"DisconnectProviderSuccess"'


def mutate(server: Server, settings: Settings, connections: int, ids: list[str]) -> Report:
    """Load of mutations on these connections' ids."""
    bodies = [json.dumps({"query": MUTATION, "variables": {"id": id_}}) for id_ in ids]
    return http_load(
        Plan(
            port=server.port,
            connections=connections,
            seconds=settings.seconds,
            warm_up=settings.warm_up,
            headers={"authorization": "Bearer no-op"},
            bodies=bodies,
            expect=EXPECTED,
        )
    )


def _no_op(app: str, settings: Settings, connections: int = 16) -> float:
    with serving(app) as server:
        ids = [str(UUID(int=n)) for n in range(1, 65)]
        return mutate(server, settings, connections, ids).rate


def graphql_path(settings: Settings) -> list[Row]:
    """Figure 3: the wire and GraphQL alone."""
    floor, value = alternating(
        settings.rounds,
        lambda: _no_op("benchmarks.floors:limit", settings),
        lambda: _no_op("benchmarks.product:no_op", settings),
    )
    return [
        Row(
            name="3 GraphQL path, no-op handler, 16 connections",
            unit="requests/s",
            value=value,
            floor=floor,
            floor_name="limit",
            target=1.3,
            at="least",
        )
    ]
