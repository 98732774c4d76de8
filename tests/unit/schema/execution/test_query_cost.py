"""What a query costs before it is run: rows, of which a user has so many a second."""

import pytest

from schema.asgi import WireSettings
from tests.unit.schema.wire import ADA, BOB, Wire, codes

PAGE = "connectedProviders{} {{ edges {{ cursor }} }}"
SIZED = "query ($n: Int = 70, $m: Int) { " + PAGE.format("(first: $n, last: $m)") + " }"


@pytest.mark.parametrize(
    ("query", "variables", "rows"),
    [
        ("{ __typename }", {}, 0),
        ("{ eventCursor __typename again: eventCursor }", {}, 20),
        ("{ " + PAGE.format("") + " }", {}, 50),
        ("{ " + PAGE.format("(first: 3)") + " }", {}, 10),
        ("{ " + PAGE.format("(last: 64)") + " eventCursor }", {}, 74),
        ("{ ...A } fragment A on Query { " + PAGE.format("(first: 20)") + " }", {}, 20),
        ("{ " + PAGE.format("(first: 5000)") + " }", {}, 100),
        (SIZED, {}, 70),
        (SIZED, {"n": 90}, 90),
        (SIZED, {"n": None, "m": 80}, 80),
        (SIZED, {"n": None}, 50),
        (SIZED, {"n": 99.0}, 99),
        (SIZED, {"n": 1e300}, 100),
        (SIZED, {"n": "x"}, 50),
        (SIZED, {"n": [1]}, 50),
    ],
)
def test_a_root_field_costs_its_page_and_ten_at_least(
    query: str, variables: dict[str, object], rows: int
) -> None:
    prepared = Wire().call(query, variables).prepared
    assert prepared is not None
    operation, given = prepared
    assert operation.cost.rows(given) == rows


async def test_rows_per_second_are_limited_for_each_user() -> None:
    wire = Wire(WireSettings(rows_per_second=100))
    page = "{ " + PAGE.format("(first: 60)") + " }"
    async with wire.client(ADA) as ada, wire.client(BOB) as bob:
        assert (await ada.post(page)).status_code == 200
        refused = await ada.post(page)
        assert (await ada.post("{ eventCursor }")).status_code == 200
        assert (await bob.post(page)).status_code == 200
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert codes(refused) == ["RATE_LIMITED"]
    assert refused.json()["errors"][0]["message"] == (
        "At most 100 rows per second. Try again later."
    )
    assert wire.telemetry.limits == ["rows"]


async def test_mutations_cost_no_rows() -> None:
    wire = Wire(WireSettings(rows_per_second=100, mutations_per_second=1))
    connection_id = wire.connect(ADA, 1).id
    arguments = f'input: {{connectionId: "{connection_id}"}}'
    mutation = f"mutation {{ disconnectProvider({arguments}) {{ __typename }} }}"
    async with wire.client() as client:
        await client.data("{ " + PAGE.format("(first: 100)") + " }")
        await client.data(mutation)
        assert codes(await client.post("{ eventCursor }")) == ["RATE_LIMITED"]
