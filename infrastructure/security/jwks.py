"""Keys that the issuer publishes at a URL, and rotates."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

import structlog
from jwt import PyJWK

from domain.ports import KeysUnavailable
from infrastructure.outbound_http import NoResponse, OutboundHttp, OutboundLimits
from infrastructure.retry import back_off, end_task
from infrastructure.security.key_set import KeySet, parse_key_set

KEY_SET_LIMITS = OutboundLimits(total=5.0, connect=3.0, body=262_144)

REFRESH_AFTER = 300.0
"""Seconds after which the keys are fetched again."""

KEEP_FOR = 3600.0
"""Seconds for which known keys stay good while the issuer can't be reached."""

RETRY_AFTER = 10.0
"""Seconds between two fetches, however many tokens with unknown keys come in; after a failure it
is the longest pause."""

_log = structlog.get_logger(__name__)


class PublishedKeys:
    """The key set at a URL. Fetched at the start and when a token needs it, once at a time.

    `http` has `KEY_SET_LIMITS`, so that a fetch always ends. An async context manager.
    """

    def __init__(
        self, url: str, http: OutboundHttp, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._http = http
        self._clock = clock
        self._keys = KeySet()
        self._fetched_at = self._next_at = -math.inf
        self._failures: Iterator[float] | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._start_fetching()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await end_task(self._fetching)

    @property
    def healthy(self) -> bool:
        """Whether the last fetch brought keys that can be used. Looks again when that is due."""
        if not self._keys.keys or self._failures is not None:
            self._start_fetching()
        return bool(self._keys.keys) and self._failures is None

    async def find(self, key_id: str | None, algorithm: str) -> Sequence[PyJWK]:
        """The keys that fit a token's `kid` and `alg`.

        Keys that are due for a refresh are used while it runs; an unknown `kid` waits for it.
        Raises `KeysUnavailable` when there is none, and the last fetch failed.
        """
        if self._clock() - self._fetched_at > REFRESH_AFTER:
            self._start_fetching()
        found = self._known(key_id, algorithm)
        if not found:
            self._start_fetching()
            if self._fetching is not None:
                await asyncio.wait({self._fetching})
            found = self._known(key_id, algorithm)
            if not found and self._failures is not None:
                raise KeysUnavailable(max(1.0, self._next_at - self._clock()))
        return found

    def _known(self, key_id: str | None, algorithm: str) -> Sequence[PyJWK]:
        good = self._clock() - self._fetched_at <= KEEP_FOR
        return self._keys.find(key_id, algorithm) if good else ()

    def _start_fetching(self) -> None:
        if self._fetching is None and self._clock() >= self._next_at:
            self._fetching = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            keys = await self._key_set()
        except (NoResponse, ValueError) as error:
            if self._failures is None:
                self._failures = back_off(1.0, RETRY_AFTER)
            self._next_at = self._clock() + next(self._failures)
            _log.warning("signing_keys_unavailable", reason=str(error))
        else:
            self._keys, self._failures = keys, None
            self._fetched_at = self._clock()
            self._next_at = self._fetched_at + RETRY_AFTER
            if keys.unusable or not keys.keys:
                _log.warning("signing_keys_unusable", usable=len(keys.keys), **keys.unusable)
        finally:
            self._fetching = None

    async def _key_set(self) -> KeySet:
        response = await self._http.request(
            "GET", self._url, headers={"accept": "application/json"}, private_addresses=True
        )
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        return parse_key_set(response.body)
