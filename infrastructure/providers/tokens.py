"""Ends the tokens of encrypted credentials."""

import asyncio
from collections.abc import Mapping

import orjson

from domain.ports import Cipher, UnknownKey
from domain.token_revocation import (
    Answers,
    LeasedRevocation,
    TokensInUse,
    UnreadableCredentials,
)
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
        data = _read(self._cipher, leased.encrypted_data)
        if leased.current_data is not None:
            current = _read(self._cipher, leased.current_data)
            if self._revoker.would_end(leased.provider_slug, data, current):
                raise TokensInUse
        ended = leased.answers.keys()
        return await self._revoker.revoke(leased.provider_slug, data, ended=ended, until=until)


def _read(cipher: Cipher, encrypted: bytes) -> Mapping[str, object]:
    try:
        data = orjson.loads(cipher.decrypt(encrypted))
    except (UnknownKey, orjson.JSONDecodeError):
        raise UnreadableCredentials from None
    if not isinstance(data, dict):
        raise UnreadableCredentials
    return data
