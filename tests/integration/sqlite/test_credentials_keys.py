"""Which keys a database needs, and what becomes of one that is missing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from domain.ports import PageRequest, UnknownKey
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from infrastructure.database.members import Write
from infrastructure.failures import KeyMissing
from infrastructure.persistence.credentials_keys import CredentialsKeys
from infrastructure.persistence.pending_revocations import rotate_pending
from infrastructure.security.credentials_cipher import CredentialsCipher, GivenKeys, fingerprint
from tests.contracts.revocations.revoking import LATER, SCHWAB, TURN, USER, revocation
from tests.integration.sqlite.node import Node
from tests.support.ids import a_connection, a_provider

NEW, OLD, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def given(*keys: str, file: Path | None = None) -> GivenKeys:
    return GivenKeys(keys=keys, database_file=file)


def key_file(node: Node) -> Path:
    return node.path.with_name(f"{node.path.name}.key")


async def store_credentials(node: Node, key: str) -> None:
    """As a version did that recorded no keys."""
    now = datetime.now(UTC)
    encrypted = CredentialsCipher([key]).encrypt(b"{}")
    connection = ProviderConnection(
        id=a_connection(),
        user_id=USER,
        provider_id=a_provider(),
        provider_slug="schwab",
        status=ConnectionStatus.ACTIVE,
        created_at=now,
        updated_at=now,
        credentials=ProviderCredentials(encrypted_data=encrypted, credential_type="oauth2"),
    )
    assert await node.database.store.insert([connection]) == 1


async def test_a_new_database_gets_a_key_file_which_it_needs_from_then_on(node: Node) -> None:
    keys = CredentialsKeys(node.database)
    cipher = await keys.open(given(file=node.path))
    assert cipher.decrypt(cipher.encrypt(b"{}")) == b"{}"
    assert key_file(node).exists()
    await keys.check(given(file=node.path))
    key_file(node).unlink()
    for attempt in (keys.check, keys.open):
        with pytest.raises(KeyMissing, match=cipher.fingerprints[0]):
            await attempt(given(file=node.path))
    assert not key_file(node).exists()


async def test_keys_that_were_recorded_are_needed_until_another_has_replaced_them(
    node: Node,
) -> None:
    keys = CredentialsKeys(node.database)
    await keys.open(given(OLD))
    with pytest.raises(KeyMissing, match=fingerprint(OLD)):
        await keys.open(given(NEW))
    await keys.open(given(NEW, OLD))
    with pytest.raises(KeyMissing, match=fingerprint(NEW)):
        await keys.check(given(OLD))
    await keys.keep_only(fingerprint(NEW))
    await keys.check(given(NEW))
    with pytest.raises(KeyMissing, match=fingerprint(NEW)):
        await keys.check(given(OLD))


async def test_credentials_may_be_older_than_the_record_of_their_key(node: Node) -> None:
    await store_credentials(node, OLD)
    keys = CredentialsKeys(node.database)
    for wrong in (given(OTHER), given(), given(file=node.path)):
        with pytest.raises(KeyMissing, match="is missing from"):
            await keys.open(wrong)
    assert not key_file(node).exists()
    cipher = await keys.open(given(NEW, OLD))
    assert cipher.fingerprints == (fingerprint(NEW), fingerprint(OLD))
    await keys.check(given(NEW))


async def test_once_a_key_is_recorded_old_credentials_are_not_tried_any_more(node: Node) -> None:
    keys = CredentialsKeys(node.database)
    await keys.open(given(OTHER))
    await store_credentials(node, OLD)
    assert (await keys.open(given(OTHER))).fingerprints == (fingerprint(OTHER),)


async def test_a_key_that_is_lost_for_good_is_given_up(node: Node) -> None:
    keys = CredentialsKeys(node.database)
    await keys.open(given(OLD))
    cipher = await keys.open_without(fingerprint(OLD), given(NEW))
    assert cipher.fingerprints == (fingerprint(NEW),)
    await keys.check(given(NEW))


async def test_giving_up_one_key_does_not_excuse_another(node: Node) -> None:
    keys = CredentialsKeys(node.database)
    await keys.open(given(OLD))
    await keys.open(given(OTHER, OLD))
    with pytest.raises(KeyMissing, match=fingerprint(OTHER)):
        await keys.open_without(fingerprint(OLD), given(NEW))


async def test_credentials_that_wait_for_their_revocation_are_rotated(node: Node) -> None:
    queue = node.database.revocations
    await queue.declare([SCHWAB])
    await store_credentials(node, OLD)
    (connection,) = (await node.connections.page(USER, PageRequest(limit=10))).items
    await node.writer.write(
        Write(
            connection=connection.mark_disconnected(LATER),
            revocation=(begun := revocation(connection)),
        )
    )
    rotated: list[bytes] = []

    def rotate(encrypted: bytes) -> bytes | None:
        rotated.append(encrypted)
        return None if encrypted == b"new" else b"new"

    def unknown(_: bytes) -> bytes | None:
        raise UnknownKey

    store = node.database.store
    assert [each async for each in rotate_pending(store, unknown)] == [(connection.id, False)]
    assert [each async for each in rotate_pending(store, rotate)] == [(connection.id, True)]
    assert [each async for each in rotate_pending(store, rotate)] == []
    assert rotated[1:] == [b"new"]
    (leased,) = await queue.lease([TURN], 5.0)
    assert (leased.attempt_id, leased.encrypted_data) == (begun.attempt_id, b"new")
