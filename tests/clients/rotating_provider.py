"""A provider that rotates refresh tokens, and ends all tokens when one is used twice."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.clients.back_end import AccessDenied, InvalidGrant
from tests.support.secrecy import CREDENTIAL

Json = dict[str, Any]
LONG_AGO, LATER = "2020-01-01T00:00:00+00:00", "2040-01-01T00:00:00+00:00"


class RotatingProvider:
    """One account."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.tokens = self._issue(1)
        self.refreshes = 0
        self.fetches = 0
        self.ended = False
        self.before_answer: Callable[[], Awaitable[object]] | None = None

    async def refresh(self, data: Json) -> Json:
        await asyncio.sleep(0)  # others may try meanwhile
        if self.ended or data["refresh_token"] != self.tokens["refresh_token"]:
            self.ended = True
            raise InvalidGrant
        self.refreshes += 1
        self.tokens = self._issue(self.refreshes + 1)
        if self.before_answer is not None:
            await self.before_answer()
        return self.tokens

    async def fetch(self, data: Json) -> None:
        if self.ended or data["access_token"] != self.tokens["access_token"]:
            raise AccessDenied
        self.fetches += 1

    def expire(self) -> None:
        """The access token is accepted no more."""
        self.tokens = self.tokens | {"access_token": "another"}

    def _issue(self, number: int) -> Json:
        return {
            "access_token": f"access-{CREDENTIAL}-{self._name}-{number}",
            "refresh_token": f"refresh-{CREDENTIAL}-{self._name}-{number}",
            "account_id": self._name,
            "expires_at": LATER,
        }
