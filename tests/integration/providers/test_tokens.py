"""Encrypted credentials: which of them a provider is asked about."""

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson
import pytest
from cryptography.fernet import Fernet

from domain.token_revocation import LeasedRevocation, TokensInUse, UnreadableCredentials
from infrastructure.providers.tokens import EncryptedTokens
from infrastructure.security.credentials_cipher import CredentialsCipher
from tests.integration.providers.revoking import ACCEPTED, ACCESS, DATA, REFRESH, revoker
from tests.support.ids import a_connection, a_provider, a_user, an_attempt
from tests.support.network.quirk_server import quirk_server

KEY, GONE = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def leased(current: Mapping[str, object] | None, key: str = KEY) -> LeasedRevocation:
    """Of `DATA`, of a connection that has these credentials now."""
    data = None if current is None else CredentialsCipher([key]).encrypt(orjson.dumps(current))
    return LeasedRevocation(
        attempt_id=an_attempt(),
        lease=an_attempt(),
        user_id=a_user(),
        connection_id=a_connection(),
        provider_id=a_provider(),
        provider_slug="acme",
        begun_at=datetime.now(UTC),
        encrypted_data=CredentialsCipher([KEY]).encrypt(orjson.dumps(DATA)),
        current_data=data,
    )


async def test_what_can_not_be_read_is_not_asked_about() -> None:
    ciphers = (CredentialsCipher([GONE]), None)
    async with quirk_server() as server, revoker(server) as revoke:
        for cipher in ciphers:
            with pytest.raises(UnreadableCredentials):
                await EncryptedTokens(revoke, cipher, lasts=1.0).revoke(leased(None))
    assert server.received == []


async def test_replaced_tokens_are_ended_unless_one_of_them_is_in_use() -> None:
    async with quirk_server() as server, revoker(server) as revoke:
        tokens = EncryptedTokens(revoke, CredentialsCipher([KEY]), lasts=1.0)
        with pytest.raises(TokensInUse):
            await tokens.revoke(leased({"refresh_token": REFRESH, "access_token": "a-2"}))
        with pytest.raises(UnreadableCredentials):
            await tokens.revoke(leased({"refresh_token": "r-2"}, GONE))  # can't be compared
        assert server.received == []

        for current in ({"refresh_token": "r-2", "access_token": "a-2"}, None):
            answers = await tokens.revoke(leased(current))
            assert answers == {"refresh_token": ACCEPTED, "access_token": ACCEPTED}
    assert [request.form["token"] for request in server.received] == [REFRESH, ACCESS] * 2
