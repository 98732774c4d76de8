"""A planned operation answers as graphql-core does."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, cast

import pytest
import strawberry
from graphql import ExecutionResult, Executor, parse, validate
from strawberry.scalars import JSON

from domain.identifiers import UserId
from schema.build import UnplugSchema, viewer_schema
from schema.errors import Refused, bad_user_input
from schema.execution.encoding import encode
from schema.execution.executor import ExecutableSchema, SchemaExecutor
from schema.execution.masking import Masking
from schema.execution.operations import Operation, operations_of
from schema.execution.plans import Plan
from schema.shared_types import ConnectionStatus, Error
from schema.viewer.query import read_snapshot
from tests.support.fakes.clock_and_ids import FakeIds
from tests.unit.schema.execution.documents import DocumentMaker
from tests.unit.schema.wire import ADA, BOB, SCHEMA, Json, Wire

DOCUMENTS = 30
"""Of each root field."""

FAULTS = (
    "missing",
    "absent",
    "unknown",
    "expected",
    "unexpected",
    "returned",
    "word",
    "hole",
    "stranger",
    "later",
    "late data",
    "no data",
    "broken data",
)
"""What the resolvers of the faulty schema do, beside nothing wrong."""


def _operations(schema: UnplugSchema, text: str) -> list[Operation]:
    document = parse(text)
    if validate(schema.executable, document):
        return []
    return operations_of(schema.executable, text, document)


def _executor(schema: ExecutableSchema[UserId]) -> SchemaExecutor[UserId]:
    return SchemaExecutor(schema, Masking(FakeIds()), hide_suggestions=True)


async def _a_world() -> tuple[ExecutableSchema[UserId], str]:
    """Three connections, one of them disconnected; the same at each call."""
    wire = Wire()
    ids = [str(wire.connect(ADA, n, alias="My IRA" if n else None).id) for n in range(3)]
    wire.connect(BOB, 9)
    async with wire.client() as client:
        disconnect = "mutation($id: ID!) { disconnectProvider(input: {connectionId: $id}) { %s } }"
        for connection_id in (ids[0], str(BOB)):
            await client.data(disconnect % "__typename", id=connection_id)
    return viewer_schema(SCHEMA, wire.services), ids[1]


async def _by_plan_alone(plan: Plan) -> tuple[bytes, list[str]]:
    """Without graphql-core's help."""
    schema, node_id = await _a_world()
    context: Any = schema.context_for(ADA, None)
    await read_snapshot(context)
    call = plan.call({"id": node_id}, context)
    assert call is not None
    data = plan.data(await plan.resolve(call), context.failures)
    return encode(ExecutionResult(data)), context.failures


@pytest.mark.parametrize(
    ("kind", "root_field"),
    [
        ("mutation", "disconnectProvider(input: {connectionId: $id})"),
        ("query", "node(id: $id)"),
        ("query", "connectedProviders(first: 2)"),
        ("query", "providerEvents(last: 3)"),
        ("query", "eventCursor"),
    ],
)
async def test_documents_of_all_shapes(kind: str, root_field: str) -> None:
    planned = 0
    for seed in range(DOCUMENTS):
        text = DocumentMaker(SCHEMA.executable, seed).document(kind, root_field)
        for operation in _operations(SCHEMA, text):
            planned += operation.plan is not None
            answers = []
            for each in (operation, replace(operation, plan=None)):
                schema, node_id = await _a_world()
                result, failures = await _executor(schema).execute(each, {"id": node_id}, ADA)
                answers.append((encode(result), list(failures)))
            assert answers[0] == answers[1], text
            if operation.plan is not None:
                assert await _by_plan_alone(operation.plan) == answers[0], text
    assert planned > DOCUMENTS / 3


@strawberry.type
class Thing:
    """Its attributes may be anything."""

    name: str
    amount: int
    status: ConnectionStatus
    note: str | None
    words: list[str]
    data: JSON
    inner: "Thing | None"


@strawberry.type
class Lost(Error):
    """An expected failure."""


@strawberry.type
class Other:
    """No member of the union."""

    name: str


@dataclass
class FaultyContext:
    """What is to go wrong."""

    fault: str
    failures: list[str] = field(default_factory=list)


async def _later() -> str:
    return "later"


def _thing(fault: str) -> Json:
    thing: Json = Thing(
        name="a",
        amount=3,
        status=ConnectionStatus.ACTIVE,
        note=None,
        words=["a", "b"],
        data=cast("JSON", {"a": 1}),
        inner=Thing(
            name="b",
            amount=0,
            status=ConnectionStatus.FAILED,
            note="n",
            words=[],
            data=cast("JSON", []),
            inner=None,
        ),
    )
    match fault:
        case "missing":
            thing.name = None
        case "absent":
            del thing.inner.name
        case "unknown":
            thing.status = "unheard of"
        case "word":
            thing.words = "word"
        case "hole":
            thing.words = ["a", None]
        case "later":
            thing.name = _later()
        case "late data":
            thing.data = _later()
        case "no data":
            thing.data = None
        case "broken data":
            thing.data = ValueError("broken")
    return thing


def _value(fault: str) -> Json:
    match fault:
        case "expected":
            raise bad_user_input("Not this.")
        case "unexpected":
            raise RuntimeError
        case "returned":
            return ValueError()
        case "stranger":
            return Other(name="a")
        case _:
            return _thing(fault)


Outcome = Annotated[Thing | Lost, strawberry.union("Outcome")]


@strawberry.type
class FaultyQuery:
    """One object, perhaps none, a list, and one of two."""

    @strawberry.field
    async def thing(self, info: strawberry.Info[FaultyContext, None]) -> Thing:
        return cast("Thing", _value(info.context.fault))

    @strawberry.field
    def maybe(self, info: strawberry.Info[FaultyContext, None], at_most: int = 3) -> Thing | None:
        return _value(info.context.fault) if at_most else None

    @strawberry.field
    async def things(self, info: strawberry.Info[FaultyContext, None]) -> list[Thing | None]:
        return [_thing(""), None, _value(info.context.fault)]

    @strawberry.field
    async def outcome(self, info: strawberry.Info[FaultyContext, None], fail: bool) -> Outcome:
        return Lost(message="Lost") if fail else _value(info.context.fault)

    @strawberry.field
    def double(self, number: int) -> int:
        return 2 * number


FAULTY = UnplugSchema(query=FaultyQuery)
THING = "name amount status words note data inner { name status inner { name } }"


@pytest.mark.filterwarnings("ignore:coroutine")  # graphql-core awaits each only in one of the runs
@pytest.mark.parametrize("fault", ["", *FAULTS])
@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (f"{{ thing {{ {THING} }} }}", {}),
        (f"{{ maybe {{ {THING} }} }}", {}),
        (f"query($n: Int!) {{ maybe(atMost: $n) {{ {THING} }} }}", {"n": 0}),
        (f"query($n: Int!) {{ maybe(atMost: $n) {{ {THING} }} }}", {"n": "many"}),
        (f"query($n: Int!) {{ maybe(atMost: $n) {{ {THING} }} }}", {}),
        (f"query($n: Int = 1) {{ maybe(atMost: $n) {{ {THING} }} }}", {"n": None}),
        (f"query($n: Int = 0) {{ maybe(atMost: $n) {{ {THING} }} }}", {}),
        (f"{{ things {{ {THING} }} }}", {}),
        (f"{{ outcome(fail: false) {{ __typename ... on Thing {{ {THING} }} }} }}", {}),
        ("{ outcome(fail: true) { __typename ... on Error { message } } }", {}),
        ("{ double(number: 2000000000) }", {}),
        ("{ double(number: 3) }", {}),
        ("{ thing { __typename } }", {}),
        ("{ maybe { __typename } }", {}),
        ("{ things { __typename } }", {}),
        ("{ outcome(fail: false) { __typename } }", {}),
    ],
)
async def test_what_is_not_as_the_schema_says(
    fault: str, text: str, variables: dict[str, Any]
) -> None:
    (operation,) = _operations(FAULTY, text)
    assert operation.plan is not None
    answers: list[object] = []
    for each in (operation, replace(operation, plan=None)):
        schema: ExecutableSchema[UserId] = ExecutableSchema(
            schema=FAULTY.executable, context_for=lambda *_: FaultyContext(fault)
        )
        try:
            result, failures = await _executor(schema).execute(each, variables, ADA)
        except Refused as refused:
            answers.append([error.formatted for error in refused.errors])
        else:
            answers.append((encode(result), list(failures)))
    assert answers[0] == answers[1]


async def test_graphql_core_is_not_asked_to_run_what_is_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(Executor, "build")
    (operation,) = _operations(FAULTY, "{ thing { name } }")
    schema: ExecutableSchema[UserId] = ExecutableSchema(
        schema=FAULTY.executable, context_for=lambda *_: FaultyContext("")
    )
    result, _ = await _executor(schema).execute(operation, {}, ADA)
    assert result.formatted == {"data": {"thing": {"name": "a"}}}


@pytest.mark.parametrize(
    "text",
    [
        "{ thing { name } maybe { name } }",
        "{ thing { name @include(if: true) } }",
        "{ ...F @skip(if: false) } fragment F on FaultyQuery { thing { name } }",
        "{ __typename }",
    ],
)
def test_what_has_no_plan(text: str) -> None:
    (operation,) = _operations(FAULTY, text)
    assert operation.plan is None
