"""Ends the tokens of encrypted credentials."""

import asyncio

import orjson

from domain.ports import Cipher, UnknownKey
from domain.token_revocation import Answers, LeasedRevocation, UnreadableCredentials
from infrastructure.providers.revoker import Revoker


class EncryptedTokens:
    """`TokenRevoker`. Requests begin within `lasts` seconds. Without a cipher all is unreadable."""

    def __init__(self, revoker: Revoker, cipher: Cipher | None, *, lasts: float) -> None:
        self._revoker = revoker
        self._cipher = cipher
        self._lasts = lasts

    async def revoke(self, leased: LeasedRevocation) -> Answers:
        if self._cipher is None:
            raise UnreadableCredentials
        until = asyncio.get_running_loop().time() + self._lasts
        try:
            data = orjson.loads(self._cipher.decrypt(leased.encrypted_data))
        except (UnknownKey, orjson.JSONDecodeError):
            raise UnreadableCredentials from None
        if not isinstance(data, dict):
            raise UnreadableCredentials
        ended = leased.answers.keys()
        return await self._revoker.revoke(leased.provider_slug, data, ended=ended, until=until)
