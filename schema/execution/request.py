"""What a client asks for: the parameters of a GraphQL request.

https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters
"""

import json
from collections.abc import Container, Iterable
from dataclasses import dataclass
from itertools import takewhile
from math import isfinite
from typing import Any
from urllib.parse import parse_qsl

import orjson

from schema.errors import Refused, bad_user_input, persisted_query_not_supported

MAX_QUERY_PARAMETERS = 16


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """What to run. Types are checked, the document is not."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None

    @classmethod
    def of(cls, parameters: object) -> "GraphQLRequest":
        """From decoded JSON: a POST's body, or a WebSocket message's payload. Raises `Refused`."""
        if isinstance(parameters, list):
            raise _refused("Batching is off: send one operation per request.")
        if not isinstance(parameters, dict):
            raise _refused("A GraphQL request is a JSON object.")
        query, name = parameters.get("query"), parameters.get("operationName")
        variables, extensions = parameters.get("variables"), parameters.get("extensions")
        if query is None and isinstance(extensions, dict) and "persistedQuery" in extensions:
            raise Refused(persisted_query_not_supported())
        if not isinstance(query, str):
            raise _refused("`query` is not a string.")
        if name is not None and not isinstance(name, str):
            raise _refused("`operationName` is not a string.")
        if variables is not None and not isinstance(variables, dict):
            raise _refused("`variables` is not an object.")
        if extensions is not None and not isinstance(extensions, dict):
            raise _refused("`extensions` is not an object.")
        return cls(query, name or None, variables)

    @classmethod
    def from_json(cls, text: bytes, input_names: Container[str] = frozenset()) -> "GraphQLRequest":
        """From a POST's body. Raises `Refused`; errors say only members with these names."""
        try:
            return cls.of(orjson.loads(text))
        except orjson.JSONDecodeError:
            place = _place_of_number(text, input_names)
            message = f"{place} has a number that JSON can't have: NaN, or one that is infinite."
            raise _refused(message if place else "The body is not JSON in UTF-8.") from None

    @classmethod
    def from_query_string(cls, query_string: bytes) -> "GraphQLRequest":
        """From a GET's URL; `variables` and `extensions` are JSON there. Raises `Refused`."""
        try:
            parameters: dict[str, Any] = dict(
                parse_qsl(
                    query_string.decode(), errors="strict", max_num_fields=MAX_QUERY_PARAMETERS
                )
            )
        except ValueError:
            raise _refused("The query string is not form-urlencoded UTF-8.") from None
        for name in ("variables", "extensions"):
            if name in parameters:
                parameters[name] = _json(parameters[name], f"`{name}` is not JSON.")
        return cls.of(parameters)


def _json(text: bytes | str, otherwise: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _refused(otherwise) from None


def _place_of_number(text: bytes, input_names: Container[str]) -> str | None:
    """Where an infinite number or NaN is, which Python's decoder takes and orjson doesn't."""
    try:
        path = _path_of_number(json.loads(text))
    except (ValueError, RecursionError):
        return None
    if path is None:
        return None
    known = ".".join(map(str, takewhile(lambda part: part in input_names, path[2:])))
    if path[:1] != ("variables",):
        return "The body"
    return f"`{known}`" if known else "`variables`"


def _path_of_number(value: object) -> tuple[str | int, ...] | None:
    members: Iterable[tuple[str | int, object]]
    match value:
        case float():
            return None if isfinite(value) else ()
        case dict():
            members = value.items()
        case list():
            members = enumerate(value)
        case _:
            return None
    for name, member in members:
        if (path := _path_of_number(member)) is not None:
            return (name, *path)
    return None


def _refused(message: str) -> Refused:
    return Refused(bad_user_input(message))
