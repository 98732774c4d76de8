"""Running operations, without a transport."""

import gc

from tests.unit.schema.wire import ADA, Wire

MUTATION = """mutation ($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) { ... on Error { message } }
}"""
RUNS = 40


async def test_an_operation_leaves_nothing_to_the_cyclic_collector() -> None:
    wire = Wire()
    variables: dict[str, object] = {"id": str(wire.connect(ADA, 1).id)}
    await wire.gateway.execute(wire.call(MUTATION, variables))
    gc.collect()
    gc.disable()
    try:
        for _ in range(RUNS):
            result = await wire.gateway.execute(wire.call(MUTATION, variables))
            assert result.errors is None
        assert gc.collect() < RUNS
    finally:
        gc.enable()
