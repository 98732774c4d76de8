"""Secrets and keys."""

from typing import Annotated, TypeAlias

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from infrastructure.security.signing_keys import public_key, shared_secret


def _secret(secret: SecretStr) -> SecretStr:
    try:
        shared_secret(secret.get_secret_value())
    except ValueError as error:
        raise ValueError(f"{error}; make one with `openssl rand -base64 32`") from None
    return secret


def _public_key(pem: str) -> str:
    public_key(pem)
    return pem


def _fernet_keys(keys: object) -> object:
    if not isinstance(keys, str):
        return keys
    found = [key.strip() for key in keys.split(",")]
    for number, key in enumerate(found, start=1):
        try:
            Fernet(key)
        except ValueError:
            raise ValueError(
                f"key {number} of {len(found)} is not a Fernet key; "
                "make one with `openssl rand -base64 32 | tr +/ -_`"
            ) from None
    return found


TokenSecret: TypeAlias = Annotated[SecretStr, AfterValidator(_secret)]
PublicKey: TypeAlias = Annotated[str, AfterValidator(_public_key)]
FernetKeys: TypeAlias = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_fernet_keys)]
