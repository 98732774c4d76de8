"""Credentials at rest: Fernet, with keys that can be rotated."""

import os
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from domain.ports import UnknownKey
from infrastructure.failures import OperatorError


class CredentialsCipher:
    """The first key encrypts, all decrypt. Plaintext is JSON text as bytes."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises `ValueError` for no keys, or what is no Fernet key."""
        ring = [Fernet(key) for key in keys]
        self._all = MultiFernet(ring)
        self._first = ring[0]
        self.fingerprints = tuple(map(fingerprint, keys))
        """Of all keys; the first is that of the key that encrypts."""

    def encrypt(self, data: bytes) -> bytes:
        """With the first key."""
        return self._first.encrypt(data)

    def decrypt(self, encrypted: bytes) -> bytes:
        """Raises `UnknownKey`."""
        try:
            return self._all.decrypt(encrypted)
        except InvalidToken:
            raise UnknownKey from None

    def rotate(self, encrypted: bytes) -> bytes | None:
        """The same under the first key; None when it is already. Raises `UnknownKey`."""
        try:
            self._first.decrypt(encrypted)
        except InvalidToken:
            return self.encrypt(self.decrypt(encrypted))
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenKeys:
    """Keys from the settings; without any, those in the key file of a SQLite database."""

    keys: Sequence[str] = field(repr=False)
    database_file: Path | None

    @property
    def where(self) -> str:
        """Where a key that is missing belongs."""
        if self.keys or self.database_file is None:
            return "UNPLUG_CREDENTIALS_KEYS"
        return str(_key_file(self.database_file))

    def read(self, *, create: bool) -> Sequence[str]:
        """All keys; `create` makes a key file if it is missing. Raises `OperatorError`."""
        if self.keys or self.database_file is None:
            return self.keys
        return keys_beside(self.database_file, create=create)


def fingerprint(key: str) -> str:
    """Names a key without revealing it: 16 hexadecimal digits."""
    return sha256(b"unplug credentials key " + urlsafe_b64decode(key)).hexdigest()[:16]


def _key_file(database: Path) -> Path:
    return database.with_name(f"{database.name}.key")


def keys_beside(database: Path, *, create: bool = True) -> Sequence[str]:
    """The keys in `<database>.key`, one per line; the first encrypts.

    A missing file is created, or else is no keys. Raises `OperatorError` when the file can't be
    read or created, or holds no keys.
    """
    path = _key_file(database)
    try:
        if not path.exists():
            if not create:
                return ()
            _make(path)
        keys = path.read_text("ascii").split()
        CredentialsCipher(keys)
    except OSError as error:
        raise OperatorError(f"The key file {path} can't be used: {error.strerror}.") from None
    except ValueError:
        raise OperatorError(f"{path} does not hold Fernet keys, one a line.") from None
    return keys


def _make(path: Path) -> None:
    """Whole or not at all; of several processes that do this at once, one wins."""
    draft = path.with_name(f"{path.name}.{uuid4()}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(Fernet.generate_key() + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
