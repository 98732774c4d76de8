"""What resolvers are and get, for graphql-core and for plans."""

from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any, TypeGuard, cast

from graphql import GraphQLResolveInfo, GraphQLResolveInfoHelpers

VALUES = "unplug-values"
"""Key of an object type's extensions: the Python class of its values."""

FAILURE = "unplug-failure"
"""Key of an object type's extensions: the code of the expected failure that it is."""

IS_COROUTINE = cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", CoroutineType.__instancecheck__)
"""`isinstance` without a Python frame: resolvers return nothing else that is awaited, and each
value of a response is looked at.
"""


class ReadAttribute:
    """The resolver of a field that is an attribute of its source."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, source: object, _info: GraphQLResolveInfo[Any]) -> object:
        return getattr(source, self.name)


def _unused(_: object) -> Any:  # noqa: ANN401 (as graphql-core has it)
    raise NotImplementedError("no resolver tracks work of its own")


NO_HELPERS = GraphQLResolveInfoHelpers(gather=_unused, track=_unused)
"""An executor's own point back at it: an operation's hundred objects would be left to the cyclic
collector, whose pauses grow with the number of open sockets.
"""
