"""The parameters of a request, whichever way they came."""

import pytest

from schema.errors import Refused
from schema.execution.request import GraphQLRequest

QUERY = "query Mine { eventCursor }"


def refusal(parameters: object) -> tuple[str, object]:
    with pytest.raises(Refused) as refused:
        GraphQLRequest.of(parameters)
    (error,) = refused.value.errors
    return error.message, (error.extensions or {})["code"]


def test_a_query_alone_is_a_request() -> None:
    assert GraphQLRequest.of({"query": QUERY}) == GraphQLRequest(QUERY, None, None)


def test_whatever_else_was_sent_is_taken_along() -> None:
    parameters = {"query": QUERY, "operationName": "Mine", "variables": {"a": 1}, "extensions": {}}

    assert GraphQLRequest.of(parameters) == GraphQLRequest(QUERY, "Mine", {"a": 1})


def test_null_and_an_empty_name_are_as_good_as_nothing() -> None:
    parameters = {"query": QUERY, "operationName": "", "variables": None, "extensions": None}

    assert GraphQLRequest.of(parameters) == GraphQLRequest(QUERY)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([{"query": QUERY}], "Batching is off: send one operation per request."),
        ("{ eventCursor }", "A GraphQL request is a JSON object."),
        ({}, "`query` is not a string."),
        ({"query": 5}, "`query` is not a string."),
        ({"query": QUERY, "operationName": 5}, "`operationName` is not a string."),
        ({"query": QUERY, "variables": [1]}, "`variables` is not an object."),
        ({"query": QUERY, "extensions": "none"}, "`extensions` is not an object."),
        ({"extensions": "persistedQuery"}, "`query` is not a string."),
    ],
)
def test_what_is_wrong_is_named(parameters: object, message: str) -> None:
    assert refusal(parameters) == (message, "BAD_USER_INPUT")


def test_a_persisted_query_is_told_that_there_are_none() -> None:
    parameters = {"extensions": {"persistedQuery": {"version": 1}}}

    assert refusal(parameters)[1] == "PERSISTED_QUERY_NOT_SUPPORTED"
    assert GraphQLRequest.of({"query": QUERY, **parameters}).query == QUERY


def test_json_stands_in_a_urls_variables() -> None:
    asked = GraphQLRequest.from_query_string(
        b"query=query+Mine+%7B+eventCursor+%7D&operationName=Mine"
        b"&variables=%7B%22a%22%3A1%7D&extensions=%7B%7D"
    )

    assert asked == GraphQLRequest(QUERY, "Mine", {"a": 1})


@pytest.mark.parametrize("name", ["variables", "extensions"])
def test_what_is_no_json_in_a_url_is_named(name: str) -> None:
    with pytest.raises(Refused) as refused:
        GraphQLRequest.from_query_string(f"query=x&{name}=nonsense".encode())

    assert refused.value.errors[0].message == f"`{name}` is not JSON."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"query": "{ x }", "variables": {"input": {"at": NaN}}}', "`at` has a number"),
        ('{"query": "{ x }", "variables": {"a": [1e400]}}', "`variables` has a number"),
        ('{"query": "{ x }", "extensions": {"at": -Infinity}}', "The body has a number"),
        ('{"query": NaN, "x": ', "The body is not JSON"),
        ("[" * 100_000, "The body is not JSON"),
        ('{"query": "\\ud800"}', "The body is not JSON"),
    ],
)
def test_a_number_that_json_does_not_have_is_named(body: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        GraphQLRequest.from_json(body.encode(), {"at"})
    (error,) = refused.value.errors
    assert error.message.startswith(said)
