"""Asks providers to end tokens."""

import asyncio
from collections.abc import Callable, Container, Mapping
from contextlib import AsyncExitStack
from datetime import datetime

import structlog

from domain.token_revocation import Answer, Ended, Misconfigured, TryLater
from infrastructure.outbound_http import NoResponse, OutboundHttp
from infrastructure.providers.answers import interpret, no_answer
from infrastructure.providers.catalogue import Catalogue
from infrastructure.providers.pace import Pace
from infrastructure.providers.requests import (
    TokenRequest,
    have_a_token_in_common,
    requests_for,
)

_log = structlog.get_logger(__name__)

_NOT_ASKED: Answer = TryLater("not_asked", 0)


class Revoker:
    """Of one process. Nothing of it is durable: what was answered is for the caller to keep."""

    def __init__(
        self, catalogue: Catalogue, http: OutboundHttp, *, now: Callable[[], datetime]
    ) -> None:
        self._catalogue = catalogue
        self._http = http
        self._now = now
        self._paces = {
            slug: Pace(entry.concurrency, entry.per_second)
            for slug, entry in catalogue.providers.items()
        }

    async def revoke(
        self,
        slug: str,
        data: Mapping[str, object],
        *,
        ended: Container[str | None] = (),
        until: float | None = None,
    ) -> Mapping[str | None, Answer]:
        """What was answered for each token, by its name; None is the name of a request without one.

        Tokens in `ended` are not asked about again. One that fails does not keep the next from
        being tried, and when one ends the whole grant, the others are not asked about. No request
        begins after `until`, by the event loop's clock.

        Raises `KeyError` for a provider that is not in the catalogue, and `UnreadableCredentials`.
        """
        entry = self._catalogue.providers[slug]
        answers: dict[str | None, Answer] = {}
        for request in requests_for(entry, data):
            if request.token in ended:
                continue
            answer = answers[request.token] = await self._ask(slug, request, until)
            if entry.ends == "grant" and isinstance(answer, Ended):
                break
        return answers

    def would_end(
        self, slug: str, data: Mapping[str, object], current: Mapping[str, object]
    ) -> bool:
        """Whether ending the tokens of `data` may end those of `current`. Raises `KeyError`."""
        return have_a_token_in_common(self._catalogue.providers[slug], data, current)

    async def _ask(self, slug: str, request: TokenRequest, until: float | None) -> Answer:
        entry, answer = self._catalogue.providers[slug], _NOT_ASKED
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout_at(until):
                    await stack.enter_async_context(self._paces[slug])
            except TimeoutError:
                return answer
            try:
                response = await self._http.request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    body=request.body,
                    private_addresses=request.private_addresses,
                )
            except NoResponse as failure:
                answer = no_answer(failure)
            else:
                answer = interpret(entry, response, self._now())
        if isinstance(answer, Misconfigured):
            _log.error("provider_misconfigured", provider=slug, code=answer.code)
        return answer
