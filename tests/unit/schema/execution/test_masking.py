"""What clients and logs learn when something goes wrong, and what they never learn."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from infrastructure.observability.access_log import JsonAccessLog
from infrastructure.observability.logging import configure_logging
from schema.execution.masking import UNFIT, without_values
from tests.unit.schema.wire import ADA, Wire, codes

SECRET = "hunter2-hunter2"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


class Log:
    """The server's log, as it is written."""

    def __init__(self, written: io.BytesIO) -> None:
        self.written = written

    @property
    def text(self) -> str:
        return self.written.getvalue().decode()

    def lines(self, event: str) -> list[dict[str, Any]]:
        entries = [json.loads(line) for line in self.text.splitlines()]
        return [entry for entry in entries if entry["event"] == event]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """Logging as the server configures it, into memory."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    written = io.BytesIO()
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(written, write_through=True))
    configure_logging("DEBUG")
    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)  # the client's own log
    yield Log(written)
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = before, level
    structlog.reset_defaults()


async def _explode() -> None:
    raise RuntimeError(f"password={SECRET} in SELECT … FOR UPDATE")


async def test_an_unexpected_exception_is_an_id_that_the_log_knows(log: Log) -> None:
    wire = Wire()
    wire.world.at("read", _explode)
    async with wire.client() as client:
        answer = await client.post("query Mine { providerEvents { edges { cursor } } }")
        assert await client.data("{ __typename }")
    assert answer.status_code == 200
    assert answer.json()["data"] is None
    [error] = answer.json()["errors"]
    assert error["path"] == ["providerEvents"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    [entry] = log.lines("unexpected error")
    assert entry["error_id"] == error["extensions"]["id"]
    assert entry["exceptions"][0]["type"] == "RuntimeError"
    assert any("_explode" in place for place in entry["exceptions"][0]["at"])
    for hidden in (SECRET, "SELECT", "RuntimeError"):
        assert hidden not in answer.text
    assert SECRET not in log.text
    assert "SELECT" not in log.text


async def test_the_same_outside_of_resolvers(log: Log) -> None:
    """The event cursor is read before execution; tokens are verified before anything."""
    wire = Wire()
    wire.world.at("read", _explode)
    async with wire.client() as client:
        assert codes(await client.post("{ eventCursor }")) == ["INTERNAL_SERVER_ERROR"]
    (line,) = log.lines("unexpected error")
    assert [each["type"] for each in line["exceptions"]] == ["RuntimeError"]
    assert SECRET not in log.text


async def test_a_transport_that_breaks_answers_500_in_graphqls_form(log: Log) -> None:
    wire = Wire(tokens=BrokenTokens())
    async with wire.client() as client:
        answer = await client.post("{ __typename }")
    assert answer.status_code == 500
    assert codes(answer) == ["INTERNAL_SERVER_ERROR"]
    assert [entry["error_id"] for entry in log.lines("unexpected error")] == [
        answer.json()["errors"][0]["extensions"]["id"]
    ]
    assert SECRET not in log.text + answer.text


class ClosedPipe(io.BytesIO):
    """Standard error whose reader is gone."""

    def flush(self) -> None:
        raise BrokenPipeError


async def test_requests_go_on_when_nobody_reads_the_log() -> None:
    async with Wire(access_log=JsonAccessLog(ClosedPipe())).client() as client:
        assert await client.data("{ __typename }")


class BrokenTokens:
    """`AccessTokens` on a bad day."""

    async def verify(self, token: str) -> None:
        raise LookupError(f"{token} {SECRET}")


@pytest.mark.parametrize(
    ("query", "variables", "code", "readable"),
    [
        ("{ eventCursor", {}, "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found <EOF>."),
        ("{ nonsense }", {}, "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'nonsense'"),
        ("query ($id: ID!) { node(id: $id) { id } }", {}, "BAD_USER_INPUT", "$id"),
        ("query ($n: Int) { providerEvents(first: $n) { __typename } }", {"n": "x"},
         "BAD_USER_INPUT", "$n"),
        ("query ($id: ID = \"x\") { node(id: $id) { id } }", {"id": None}, "BAD_USER_INPUT", "id"),
        ("{ providerEvents(first: " + "1" * 5_000 + ") { __typename } }", {},
         "GRAPHQL_VALIDATION_FAILED", "Int"),
    ],
)  # fmt: skip
async def test_a_faulty_request_is_told_what_is_wrong_with_it(
    query: str, variables: dict[str, Any], code: str, readable: str
) -> None:
    async with Wire().client() as client:
        answer = await client.post(query, **variables)
    assert codes(answer) == [code]
    assert readable in answer.json()["errors"][0]["message"]


async def test_the_access_log_has_a_line_per_operation_and_no_more_than_names(log: Log) -> None:
    wire = Wire(access_log=JsonAccessLog(log.written))
    connection = wire.connect(ADA, 1, alias=SECRET)
    mutation = """
    mutation Leave($id: ID!) {
      disconnectProvider(input: {connectionId: $id}) { __typename }
      wrong: disconnectProvider(input: {connectionId: "hunter2-hunter2"}) { __typename }
    }
    """
    async with wire.client() as client:
        await client.send(
            {"query": mutation, "variables": {"id": str(connection.id), "other": SECRET}},
            x_request_id="request-1",
        )
        await client.send({"query": f'{{ node(id: "{SECRET}") {{ id }} }}'})
        await client.send({"query": f"{{ {SECRET.replace('-', '_')} }}", "operationName": SECRET})
        await client.send({"query": "{ __typename }"}, authorization=f"Bearer {TOKEN}")
        await client.http.get(f"/graphql?query={{__typename}}&token={TOKEN}&password={SECRET}")
        await client.send(f'{{"query": "{SECRET}"'.encode())
        await client.send({"query": f'{{ a(b: "{SECRET}") }}'}, accept="text/event-stream")
    lines = log.lines("operation")
    assert [
        (line["operation"], line["type"], line["outcome"], line["user_id"]) for line in lines
    ] == [
        ("Leave", "mutation", "BAD_USER_INPUT", str(ADA)),
        (None, "query", "BAD_USER_INPUT", str(ADA)),
        (None, None, "GRAPHQL_VALIDATION_FAILED", str(ADA)),
        (None, None, "UNAUTHENTICATED", None),
        (None, "query", "ok", str(ADA)),
        (None, None, "BAD_USER_INPUT", str(ADA)),
        (None, None, "GRAPHQL_VALIDATION_FAILED", str(ADA)),
    ]
    assert [line["transport"] for line in lines] == ["http"] * 6 + ["sse"]
    assert lines[0]["request_id"] == "request-1"
    assert all(line["request_id"] and line["duration_ms"] >= 0 for line in lines)
    assert {(line["level"], line["logger"]) for line in lines} == {("info", "unplug.access")}
    for planted in (SECRET, SECRET.replace("-", "_"), TOKEN, str(connection.id), "Bearer"):
        assert planted not in log.text


UNFIT_ID = "Variable '$i' has invalid value: Expected value of non-null type 'ID!' not to be None."


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (UNFIT_ID, UNFIT_ID),
        (
            f"Variable '$input' has invalid value at .data[0]: Int cannot represent {SECRET}",
            "Variable '$input' has invalid value at .data[0]: it does not fit its type.",
        ),
        (f"What is {SECRET}?", UNFIT),
    ],
)
def test_values_of_variables_are_left_out(said: str, told: str) -> None:
    assert without_values(said) == told
