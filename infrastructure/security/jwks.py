"""Keys that the issuer publishes at a URL (JWK Set, RFC 7517), and rotates."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence

import jwt
import structlog
from jwt import PyJWK, PyJWKClient

FETCH_TIMEOUT = 5.0
REFRESH_AFTER = 300.0
"""Seconds after which the keys are fetched again."""

KEEP_FOR = 3600.0
"""Seconds for which known keys stay good while the issuer can't be reached."""

RETRY_AFTER = 10.0
"""Seconds between two fetches, however many tokens with unknown keys come in."""

_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

_log = structlog.get_logger(__name__)


class PublishedKeys:
    """The key set at a URL. Fetched when a token needs it, in a thread, once at a time."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT)
        self._clock = clock
        self._keys: Sequence[PyJWK] = ()
        self._fetched_at = self._tried_at = -math.inf
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> PyJWK | None:
        """The key for a `kid`; without one, the only key of the set. None when there is none.

        Keys that are due for a refresh are used while it runs; an unknown `kid` waits for it.
        """
        age = self._clock() - self._fetched_at
        if age > REFRESH_AFTER:
            self._start_fetching()
        key = self._known(key_id) if age <= KEEP_FOR else None
        if key is None:
            self._start_fetching()
            if self._fetching is not None:
                await asyncio.wait({self._fetching}, timeout=FETCH_TIMEOUT)
            if self._clock() - self._fetched_at <= KEEP_FOR:
                key = self._known(key_id)
        return key

    def _known(self, key_id: str | None) -> PyJWK | None:
        if key_id is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.key_id == key_id), None)

    def _start_fetching(self) -> None:
        now = self._clock()
        if self._fetching is None and now - self._tried_at >= RETRY_AFTER:
            self._tried_at = now
            self._fetching = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            fetched = await asyncio.to_thread(self._client.get_jwk_set)
        except (jwt.PyJWTError, ValueError, OSError) as error:
            _log.warning("signing_keys_unavailable", error=type(error).__name__)
        else:
            self._keys = [key for key in fetched.keys if _signs(key)]
            self._fetched_at = self._clock()
        finally:
            self._fetching = None


def _signs(key: PyJWK) -> bool:
    """A symmetric key in a published set would let everybody sign (RFC 8725, section 2.1)."""
    return key.public_key_use in {"sig", None} and key.algorithm_name in _ALGORITHMS
