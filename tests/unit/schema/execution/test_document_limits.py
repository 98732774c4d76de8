"""How much a request may ask for: each limit has its name, its code and its counter."""

import pytest

from schema.asgi import WireSettings
from schema.execution.document_limits import DocumentLimits
from schema.execution.documents import LONGEST_CACHED, DocumentRules, Documents
from tests.unit.schema.wire import ADA, BOB, SCHEMA, CountingTelemetry, Wire, codes

SMALL = DocumentLimits(length=2_000, tokens=60, depth=4, aliases=3, root_fields=4, directives=3)

CHAIN = "query { ...F0 } " + " ".join(
    f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(400)
)
DOUBLING = "{ ...A } fragment A on Query { a: __typename ...B ...B } " + (
    "fragment B on Query { b: __typename }"
)


@pytest.mark.parametrize(
    ("limit", "query"),
    [
        ("length", "{ eventCursor } #" + "x" * 2_000),
        ("tokens", "{" + "eventCursor " * 70 + "}"),
        ("tokens", "{ eventCursor } " + "# a comment\n" * 70),
        ("depth", "{ connectedProviders { edges { node { provider { id } } } } }"),
        ("depth", "{ ...A } fragment A on Query { connectedProviders { ...B } } "
                  "fragment B on ConnectedProviderConnection "
                  "{ edges { node { provider { id } } } }"),
        ("aliases", "{ a: __typename b: __typename c: __typename d: __typename }"),
        ("aliases", "{ connectedProviders { pageInfo { " + "endCursor " * 5 + "} } }"),
        ("aliases", "{ " + "a" * 300 + ": __typename }"),
        ("aliases", DOUBLING.replace("...B ...B", "...B ...B ...B")),
        ("root_fields", "{ eventCursor ... { eventCursor ... { eventCursor ... "
                        "{ eventCursor ... { eventCursor } } } } }"),
        ("root_fields", "mutation { ...A ...A ...A } fragment A on Mutation "
                        "{ __typename ... { __typename } }"),
        ("list_items", "{ connectedProviders(status: [ACTIVE ACTIVE FAILED FAILED REVOKED PENDING "
                       "EXPIRED]) { pageInfo { endCursor } } }"),
        ("list_items", "query ($s: [ConnectionStatus!] = [ACTIVE ACTIVE ACTIVE ACTIVE ACTIVE "
                       "ACTIVE ACTIVE]) { connectedProviders(status: $s) { pageInfo "
                       "{ endCursor } } }"),
        ("directives", "query @a @b { __typename @c __typename @d }"),
        ("directives", "{ ...A ...A } fragment A on Query { eventCursor @a eventCursor @b }"),
    ],
)  # fmt: skip
async def test_too_much_of_anything_is_named_and_counted(limit: str, query: str) -> None:
    wire = Wire(WireSettings(documents=DocumentRules(limits=SMALL)))
    async with wire.client() as client:
        for _ in range(2):
            answer = await client.post(query)
            assert answer.status_code == 400
            extensions = [error["extensions"] for error in answer.json()["errors"]]
            assert extensions == [{"code": "TOO_COMPLEX", "limit": limit}]
    assert wire.telemetry.limits == [limit, limit]


LISTED = """query ($s: [ConnectionStatus!]!) {
  connectedProviders(status: $s) { edges { cursor } }
}"""


async def test_a_list_is_no_longer_than_its_enum() -> None:
    wire = Wire()
    async with wire.client() as client:
        await client.data(LISTED, s=["ACTIVE"] * 6)
        await client.data(LISTED, s="ACTIVE")
        for query in (LISTED, LISTED.replace("]!)", "])")):
            [error] = await client.errors(query, s=["ACTIVE"] * 7)
            assert error["extensions"] == {"code": "TOO_COMPLEX", "limit": "list_items"}
    assert wire.telemetry.limits == ["list_items"] * 2


@pytest.mark.parametrize(
    "query", ["{a" * 300, CHAIN, "{ eventCursor(a: " + "[" * 300 + "]" * 300 + ") }"]
)
async def test_what_is_nested_without_end_is_too_deep(query: str) -> None:
    wire = Wire(WireSettings(documents=DocumentRules(limits=DocumentLimits(tokens=100_000))))
    async with wire.client() as client:
        answer = await client.post(query)
    assert [error["extensions"] for error in answer.json()["errors"]] == [
        {"code": "TOO_COMPLEX", "limit": "depth"}
    ]


async def test_fragments_in_a_circle_are_invalid() -> None:
    async with Wire().client() as client:
        answer = await client.post(
            "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"
        )
    assert set(codes(answer)) == {"GRAPHQL_VALIDATION_FAILED"}


async def test_up_to_the_limits_everything_runs() -> None:
    wire = Wire(WireSettings(documents=DocumentRules(limits=SMALL)))
    async with wire.client() as client:
        await client.data("{ connectedProviders { edges { node { id } } } a: eventCursor }")
        await client.data("{ a: __typename b: __typename c: __typename __typename }")
        await client.data("query ($on: Boolean!) { a: __typename @skip(if: $on) }", on=True)
        await client.data("{ eventCursor } #".ljust(2_000, "x"))
    assert wire.telemetry.limits == []


async def test_limits_and_masking_leave_the_document_cache_alone() -> None:
    documents = Documents(SCHEMA.executable, DocumentRules(), CountingTelemetry())
    for _ in range(3):
        assert documents.operation("query A { eventCursor }", None).name == "A"
    assert documents.cache_info().hits == 2
    long = "{ eventCursor } #".ljust(LONGEST_CACHED, "x")
    for _ in range(3):
        documents.operation(long, None)
        documents.operation(f"{long}x", None)
    assert documents.cache_info().currsize == 2


async def test_introspection_and_suggestions_are_off_unless_they_are_wanted() -> None:
    introspection, typo = "{ __schema { queryType { name } } }", "{ eventCursr }"
    async with Wire().client() as client:
        assert set(codes(await client.post(introspection))) == {"GRAPHQL_VALIDATION_FAILED"}
        assert "Did you mean" not in (await client.post(typo)).text
        assert await client.data("{ __typename }")
    open_ = Wire(WireSettings(documents=DocumentRules(introspection=True, hide_suggestions=False)))
    async with open_.client() as client:
        assert await client.data(introspection) == {"__schema": {"queryType": {"name": "Query"}}}
        assert "Did you mean 'eventCursor'?" in (await client.post(typo)).text


async def test_suggestions_are_hidden_for_variables_as_well() -> None:
    query = "query ($s: [ConnectionStatus!]) { connectedProviders(status: $s) { __typename } }"
    async with Wire().client() as client:
        answer = await client.post(query, s=["ACTIV"])
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert "Did you mean" not in answer.text


async def test_mutations_per_second_are_limited_for_each_user() -> None:
    wire = Wire(WireSettings(mutations_per_second=3))
    one = 'mutation { disconnectProvider(input: {connectionId: "x"}) { __typename } }'
    three = "mutation { a: __typename b: __typename c: __typename }"
    async with wire.client() as ada, wire.client(BOB) as bob:
        assert (await ada.post(three)).status_code == 200
        refused = await ada.post(one)
        as_json = await ada.send({"query": one}, accept="application/json")
        assert (await ada.post("{ __typename }")).status_code == 200
        assert codes(await bob.post(one)) == ["BAD_USER_INPUT"]
    for answer in (refused, as_json):
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["errors"][0]["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 1}
    assert wire.telemetry.limits == ["mutations", "mutations"]
    assert wire.world.logs[ADA] == []


async def test_more_mutations_in_one_document_than_a_second_may_have_are_refused() -> None:
    async with Wire(WireSettings(mutations_per_second=1)).client() as client:
        answer = await client.post("mutation { a: __typename b: __typename }")
        assert answer.status_code == 429
        assert codes(answer) == ["RATE_LIMITED"]
