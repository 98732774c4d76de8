"""Which keys encrypt credentials in the database, by their fingerprints."""

from collections.abc import Sequence

from domain.ports import UnknownKey
from infrastructure.database.database import Database
from infrastructure.database.driver_errors import reading
from infrastructure.database.rows.models import CredentialsKeyRow
from infrastructure.failures import KeyMissing
from infrastructure.persistence.stored_credentials import TortoiseStoredCredentials
from infrastructure.security.credentials_cipher import (
    CredentialsCipher,
    GivenKeys,
    fingerprint,
)


class CredentialsKeys:
    """A key is recorded before it encrypts. Every method raises `StorageError`."""

    def __init__(self, database: Database) -> None:
        self._client = database.client
        self._store = database.store
        self._credentials = TortoiseStoredCredentials(database.client, database.store)

    async def open(self, given: GivenKeys) -> CredentialsCipher:
        """With all keys that the database needs; its first key is recorded.

        A key file is created for a database without credentials only. Raises `OperatorError`,
        among them `KeyMissing`.
        """
        recorded = await self._recorded()
        sample = await self._credentials.page(None, 1)
        keys = given.read(create=not recorded and not sample)
        self._require(recorded, keys, given.where)
        # Credentials may be older than the record of their key.
        if not keys or (sample and not recorded and not _decrypts(keys, sample[0].encrypted_data)):
            raise KeyMissing(
                f"The key of the credentials in this database is missing from {given.where}."
            )
        return await self._recording(keys)

    async def open_without(self, lost: str, given: GivenKeys) -> CredentialsCipher:
        """As `open`, and gives up a key, by its fingerprint."""
        await self._store.forget_key(lost)
        keys = given.read(create=True)
        self._require(await self._recorded(), keys, given.where)
        return await self._recording(keys)

    async def check(self, given: GivenKeys) -> None:
        """Whether all keys that the database needs are there. Raises `KeyMissing`."""
        self._require(await self._recorded(), given.read(create=False), given.where)

    async def keep_only(self, fingerprint: str) -> None:
        """All credentials are encrypted with this key."""
        for other in await self._recorded() - {fingerprint}:
            await self._store.forget_key(other)

    async def _recording(self, keys: Sequence[str]) -> CredentialsCipher:
        cipher = CredentialsCipher(keys)
        await self._store.record_key(cipher.fingerprints[0])
        return cipher

    async def _recorded(self) -> frozenset[str]:
        with reading():
            found = await CredentialsKeyRow.all().using_db(self._client).values_list("fingerprint")
        return frozenset(fingerprint for (fingerprint,) in found)

    def _require(self, recorded: frozenset[str], keys: Sequence[str], where: str) -> None:
        missing = sorted(recorded - {fingerprint(key) for key in keys})
        if missing:
            raise KeyMissing(
                f"Credentials in this database are encrypted with a key that is missing from "
                f"{where}: {', '.join(missing)}. Put it back. If it is lost for good, "
                f"`unplug rotate-keys --forget {missing[0]}` gives its credentials up."
            )


def _decrypts(keys: Sequence[str], encrypted: bytes) -> bool:
    try:
        CredentialsCipher(keys).decrypt(encrypted)
    except UnknownKey:
        return False
    return True
