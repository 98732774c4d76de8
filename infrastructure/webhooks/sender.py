"""Sends one message to one endpoint, once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain.ports import Now
from infrastructure.outbound_http import NoResponse, OutboundHttp, OutboundLimits
from infrastructure.webhooks.answers import Answer, answer_of, no_answer
from infrastructure.webhooks.messages import Message
from infrastructure.webhooks.signing import signed_headers

BODY = 4096
"""Bytes of an answer that are read, so that its connection can be used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to send to. `event_types` None stands for all; secrets are newest first."""

    endpoint_id: UUID
    url: str = field(repr=False)
    secrets: Sequence[str] = field(repr=False)
    event_types: frozenset[str] | None = None
    private_addresses: bool = False

    def wants(self, event_type: str) -> bool:
        """Whether it subscribes to events of a type."""
        return self.event_types is None or event_type in self.event_types


def webhook_limits(timeout: float, connections: int) -> OutboundLimits:
    """Of one endpoint's requests: a status is enough, and the body may be cut off."""
    return OutboundLimits(total=timeout, body=BODY, connections=connections, cut=True)


class Sender:
    """Signs and sends. An answer's body is neither kept nor logged."""

    def __init__(self, http: OutboundHttp, now: Now) -> None:
        self._http = http
        self._now = now

    async def send(self, target: Target, message: Message) -> Answer:
        """What came of one try."""
        try:
            response = await self._http.request(
                "POST",
                target.url,
                headers=signed_headers(message, target.secrets, self._now()),
                body=message.body,
                private_addresses=target.private_addresses,
            )
        except NoResponse as error:
            return no_answer(error)
        return answer_of(response, self._now())
