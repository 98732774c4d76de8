"""Credentials at rest, and the keys beside a database."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from domain.ports import UnknownKey
from infrastructure.failures import OperatorError
from infrastructure.security.credentials_cipher import CredentialsCipher, keys_beside

SECRET = b'{"refresh_token": "hush"}'
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_what_was_encrypted_is_decrypted_and_is_not_in_the_clear() -> None:
    encrypted = CredentialsCipher([NEW]).encrypt(SECRET)

    assert b"hush" not in encrypted
    assert CredentialsCipher([NEW, OLD]).decrypt(encrypted) == SECRET


def test_first_key_encrypts_and_all_decrypt() -> None:
    encrypted = CredentialsCipher([OLD]).encrypt(SECRET)
    both = CredentialsCipher([NEW, OLD])

    assert both.decrypt(encrypted) == SECRET
    assert CredentialsCipher([NEW]).decrypt(both.encrypt(SECRET)) == SECRET


def test_rotation_moves_to_the_first_key_once() -> None:
    both = CredentialsCipher([NEW, OLD])

    rotated = both.rotate(CredentialsCipher([OLD]).encrypt(SECRET))

    assert rotated is not None
    assert CredentialsCipher([NEW]).decrypt(rotated) == SECRET
    assert both.rotate(rotated) is None


@pytest.mark.parametrize("encrypted", [b"", b"garbage", CredentialsCipher([OLD]).encrypt(SECRET)])
def test_what_no_key_decrypts_is_named_so(encrypted: bytes) -> None:
    cipher = CredentialsCipher([NEW])

    with pytest.raises(UnknownKey):
        cipher.decrypt(encrypted)
    with pytest.raises(UnknownKey):
        cipher.rotate(encrypted)


def test_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    database = tmp_path / "unplug.sqlite3"

    keys = keys_beside(database)

    assert keys == keys_beside(database)
    assert [path.name for path in tmp_path.iterdir()] == ["unplug.sqlite3.key"]
    assert (tmp_path / "unplug.sqlite3.key").stat().st_mode & 0o777 == 0o600
    CredentialsCipher(keys)


def test_all_who_make_the_key_file_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(keys_beside, [tmp_path / "unplug.sqlite3"] * 32))

    assert all(keys == found[0] for keys in found)


def test_key_file_may_hold_several_keys(tmp_path: Path) -> None:
    (tmp_path / "unplug.sqlite3.key").write_text(f"{NEW}\n{OLD}\n")

    assert keys_beside(tmp_path / "unplug.sqlite3") == [NEW, OLD]


@pytest.mark.parametrize("content", ["", "no key\n", "\N{FOX FACE}"])
def test_key_file_without_keys_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "unplug.sqlite3.key"
    path.write_text(content)

    with pytest.raises(OperatorError, match="does not hold Fernet keys"):
        keys_beside(tmp_path / "unplug.sqlite3")

    assert path.read_text() == content


def test_key_file_in_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="can't be used"):
        keys_beside(tmp_path / "nowhere" / "unplug.sqlite3")
