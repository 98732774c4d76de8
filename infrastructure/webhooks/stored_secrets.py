"""All endpoints' secrets, for re-encryption."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID

from domain.ports import UnknownKey
from infrastructure.database.rows import as_uuid
from infrastructure.database.statements import Statement
from infrastructure.database.store import Store

_ALL = Statement("SELECT id, endpoint_id, encrypted_secret FROM webhook_secrets ORDER BY id")
_REPLACE = Statement(
    "UPDATE webhook_secrets SET encrypted_secret = $3 WHERE id = $1 AND encrypted_secret = $2",
    destroys=True,  # what the old key encrypted is to go as well
)


async def rotate_secrets(
    store: Store, rotate: Callable[[bytes], bytes | None]
) -> AsyncIterator[tuple[UUID, bool]]:
    """Re-encrypts what `rotate` gives a new ciphertext for.

    Yields endpoints, and whether their secret could be read; not those that were left as they are.
    Raises `StorageError`.
    """
    for row in await store.execute(_ALL):
        encrypted = row["encrypted_secret"]
        try:
            new = rotate(encrypted)
        except UnknownKey:
            yield as_uuid(row["endpoint_id"]), False
            continue
        if new is not None:
            await store.execute(_REPLACE, as_uuid(row["id"]), encrypted, new)
            yield as_uuid(row["endpoint_id"]), True
