"""Types of settings. An error message follows the variable's name and never quotes the value."""

from typing import Annotated, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from infrastructure.database.location import DatabaseLocation
from infrastructure.security.signing_keys import public_key, shared_secret

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Address(NamedTuple):
    """Address that a server listens on."""

    host: str
    port: int


def _database(url: SecretStr) -> SecretStr:
    if DatabaseLocation.parse(url.get_secret_value()).file is None:
        check_server_url(url.get_secret_value())
    return url


def _postgres(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgres://", "postgresql://")):
        raise ValueError("is not postgres://USER:PASSWORD@HOST/DATABASE")
    check_server_url(url.get_secret_value())
    return url


def _nats(urls: SecretStr) -> SecretStr:
    for url in urls.get_secret_value().split(","):
        if not url.strip().startswith(("nats://", "tls://")):
            raise ValueError("is not nats://HOST or tls://HOST, or several, separated by commas")
        check_server_url(url.strip())
    return urls


def check_server_url(url: str) -> None:
    """Refuses a URL whose parts can't be told apart, most often for an unescaped character.

    Found out here, before a driver quotes a part of the password in an exception. Several hosts
    may be given, separated by commas. Raises `ValueError`.
    """
    try:
        parts = urlsplit(url)
        for host in parts.netloc.rpartition("@")[2].split(","):
            urlsplit(f"//{host}").port  # noqa: B018 (it raises)
        if parts.query:
            parse_qsl(parts.query, strict_parsing=True)
        readable = "#" not in url
    except ValueError:
        readable = False
    if not readable:
        raise ValueError("can't be read: write / ? # @ in a password as %2F %3F %23 %40")


def _secret(secret: SecretStr) -> SecretStr:
    try:
        shared_secret(secret.get_secret_value())
    except ValueError as error:
        raise ValueError(f"{error}; make one with `openssl rand -base64 32`") from None
    return secret


def _public_key(pem: str) -> str:
    public_key(pem)
    return pem


def _keys_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return url
    raise ValueError("is not an https:// URL (http:// is for loopback only: keys decide who signs)")


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


def _origins(origins: object) -> object:
    if not isinstance(origins, str):
        return origins
    return frozenset(_origin(origin.strip()) for origin in origins.split(","))


def _origin(text: str) -> str:
    try:
        url = urlsplit(text)
        port, host = url.port, url.hostname
    except ValueError:
        port = host = None
    if host is None or url.scheme not in {"http", "https"} or url.username is not None:
        raise ValueError("lists origins such as https://app.example, separated by commas")
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise ValueError("lists origins, which have no path: https://app.example")
    host = f"[{host}]" if ":" in host else host
    # Browsers leave the scheme's own port out (RFC 6454, section 6.2).
    own = port is None or port == {"http": 80, "https": 443}[url.scheme]
    return f"{url.scheme}://{host}" if own else f"{url.scheme}://{host}:{port}"


def _address(text: object) -> object:
    if not isinstance(text, str):
        return text
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("is not HOST:PORT, such as 127.0.0.1:9464")
    return Address(host.strip("[]"), int(port))


DatabaseUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_database)]
PostgresUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_postgres)]
NatsUrls: TypeAlias = Annotated[SecretStr, AfterValidator(_nats)]
TokenSecret: TypeAlias = Annotated[SecretStr, AfterValidator(_secret)]
PublicKey: TypeAlias = Annotated[str, AfterValidator(_public_key)]
KeysUrl: TypeAlias = Annotated[str, AfterValidator(_keys_url)]
FernetKeys: TypeAlias = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_fernet_keys)]
Origins: TypeAlias = Annotated[frozenset[str], NoDecode, BeforeValidator(_origins)]
ListenAddress: TypeAlias = Annotated[Address | None, NoDecode, BeforeValidator(_address)]
