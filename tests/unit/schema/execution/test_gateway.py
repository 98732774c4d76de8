"""What the access log says of an operation, and who may run one."""

import pytest

from schema.build import build_service_schema
from schema.service.scopes import SCOPES
from tests.unit.schema.wire import ADA, BOB, RecordedAccess, Wire

DISCONNECT = """mutation Disconnect($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) { __typename }
}"""
TWICE = """mutation Twice($id: ID!, $other: ID!) {
  one: disconnectProvider(input: {connectionId: $id}) { __typename }
  two: disconnectProvider(input: {connectionId: $other}) { __typename }
}"""


async def test_an_expected_failure_is_the_outcome_in_the_access_log() -> None:
    log = RecordedAccess()
    wire = Wire(access_log=log)
    own, foreign = str(wire.connect(ADA, 1).id), str(wire.connect(BOB, 1).id)
    async with wire.client() as client:
        await client.data(DISCONNECT, id=own)
        await client.data(DISCONNECT, id=foreign)
        await client.data(TWICE, id=own, other=foreign)
        wire.world.down = True
        await client.data(DISCONNECT, id=own)
        await client.errors("{ eventCursor }")
    assert [outcome for _, outcome in log.outcomes] == [
        "ok",
        "CONNECTION_NOT_FOUND",
        "CONNECTION_NOT_FOUND",
        "DISCONNECTION_FAILED",
        "INTERNAL_SERVER_ERROR",
    ]


@pytest.mark.parametrize("root", ["query_type", "mutation_type"])
def test_every_root_field_of_the_services_has_a_scope(root: str) -> None:
    fields = set(getattr(build_service_schema().executable, root).fields)
    assert fields <= set(SCOPES)
