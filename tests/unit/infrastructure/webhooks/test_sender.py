"""One try at a receiver: where it may lead, and what is kept of the answer."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from infrastructure.outbound_http import OutboundHttp
from infrastructure.webhooks.answers import Answer, Meaning
from infrastructure.webhooks.messages import message_of_test
from infrastructure.webhooks.sender import Sender, Target, webhook_limits
from infrastructure.webhooks.signing import new_secret
from tests.support.network.quirk_server import reply
from tests.support.network.receiver import Receiver, receiver

NOW = datetime.now(UTC)


async def send(there: Receiver, *, private_addresses: bool = True) -> Answer:
    target = Target(
        endpoint_id=UUID(int=1),
        url=there.url,
        secrets=[new_secret()],
        private_addresses=private_addresses,
    )
    async with OutboundHttp(webhook_limits(5.0, 1)) as http:
        return await Sender(http, lambda: NOW).send(target, message_of_test(UUID(int=2), NOW))


async def test_a_private_address_is_refused_before_anything_is_sent() -> None:
    async with receiver() as there:
        answer = await send(there, private_addresses=False)
        assert (answer.meaning, answer.status) == (Meaning.ENDPOINT_FAILED, "address_refused")
        assert there.requests == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with receiver() as elsewhere:
        async with receiver(reply(status, headers={"location": elsewhere.url})) as there:
            assert (await send(there)).meaning is Meaning.EVENT_REFUSED
        assert (len(there.requests), elsewhere.requests) == (1, [])


async def test_nothing_is_kept_of_an_answer_but_its_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    headers = {"x-secret": "a secret", "retry-after": "7"}
    async with receiver(reply(500, b"a secret", headers)) as there:
        answer = await send(there)
    assert answer == Answer(meaning=Meaning.ENDPOINT_FAILED, status="500", retry_after=7.0)
    assert "secret" not in "".join(capsys.readouterr())


def test_targets_do_not_show_their_secrets() -> None:
    target = Target(endpoint_id=UUID(int=1), url="https://a/?key=k", secrets=["whsec_x"])
    assert "whsec" not in repr(target)
    assert "key" not in repr(target)
