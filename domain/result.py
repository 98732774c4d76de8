"""Expected outcomes as values: a handler returns a `Result`, it does not raise."""

from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar
from uuid import UUID

ValueT = TypeVar("ValueT")
ErrorT = TypeVar("ErrorT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Success(Generic[ValueT]):
    """What was asked for has been done."""

    value: ValueT


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Generic[ErrorT]):
    """An outcome that callers must expect, with its reason.

    `attempt_id` is the attempt that the event log holds, or may hold. It is None only when it is
    certain that nothing was recorded.
    """

    error: ErrorT
    attempt_id: UUID | None = field(default=None, compare=False)


Result: TypeAlias = Success[ValueT] | Failure[ErrorT]
