"""Asks providers to end tokens."""

from collections.abc import Callable, Container, Mapping
from datetime import datetime

import structlog

from domain.token_revocation import Answer, Ended, Misconfigured
from infrastructure.outbound_http import NoResponse, OutboundHttp
from infrastructure.providers.answers import interpret, no_answer
from infrastructure.providers.catalogue import Catalogue
from infrastructure.providers.entry import ProviderEntry
from infrastructure.providers.pace import Pace
from infrastructure.providers.requests import TokenRequest, requests_for

_log = structlog.get_logger(__name__)


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
        self, slug: str, data: Mapping[str, object], *, ended: Container[str | None] = ()
    ) -> Mapping[str | None, Answer]:
        """What was answered for each token, by its name; None is the name of a request without one.

        Tokens in `ended` are not asked about again. One that fails does not keep the next from
        being tried, and when one ends the whole grant, the others are not asked about.

        Raises `KeyError` for a provider that is not in the catalogue, and `UnreadableCredentials`.
        """
        entry = self._catalogue.providers[slug]
        answers: dict[str | None, Answer] = {}
        for request in requests_for(entry, data):
            if request.token in ended:
                continue
            answer = answers[request.token] = await self._ask(slug, entry, request)
            if entry.ends == "grant" and isinstance(answer, Ended):
                break
        return answers

    async def _ask(self, slug: str, entry: ProviderEntry, request: TokenRequest) -> Answer:
        answer: Answer
        async with self._paces[slug]:
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
