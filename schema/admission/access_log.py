"""One line per operation or refusal: who asked, how it ended, how long it took."""

from collections.abc import Hashable
from typing import Protocol


class AccessLog(Protocol):
    """Where the lines go."""

    def record(
        self,
        *,
        request_id: str,
        transport: str,
        caller: Hashable,
        operation: str | None,
        kind: str | None,
        outcome: str,
        seconds: float,
    ) -> None:
        """Names and codes only: no token, no document, no variable.

        `caller`'s text is a user's id or a service's name; None when there is no valid token.
        `operation` and `kind` (`query`, `mutation`, `subscription`) are None when nothing was run.
        `outcome` is `ok` or the errors' codes. Does not block, and raises nothing when the log
        can't be written.
        """
