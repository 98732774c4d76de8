"""What operators may set, read from environment variables; nothing else reads the environment."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Literal, NamedTuple, Self, TypeAlias
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from infrastructure.server_urls import check_server_url
from infrastructure.signing_keys import public_key, shared_secret

PREFIX = "UNPLUG_"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class SettingsError(Exception):
    """A setting is wrong or missing. Each problem names its variable, and never holds its value."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


def _database(url: SecretStr) -> SecretStr:
    scheme, separator, rest = url.get_secret_value().partition("://")
    if not separator or not rest or scheme not in {"sqlite", "postgres", "postgresql"}:
        raise ValueError("is neither sqlite://FILE nor postgres://USER:PASSWORD@HOST/DATABASE")
    if scheme == "sqlite" and rest.startswith(":memory:"):
        raise ValueError("needs a file: what is in memory is gone with the process")
    if scheme != "sqlite":
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


class Settings(BaseSettings):
    """Every field is a variable: `database_url` is `UNPLUG_DATABASE_URL`. Empty means not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    database_url: DatabaseUrl = SecretStr("sqlite://unplug.sqlite3")
    database_direct_url: Annotated[SecretStr, AfterValidator(_postgres)] | None = None
    database_pool_size: Annotated[int, Field(ge=1)] = 10
    """Connections for reads; the writer and the wake-ups have one of their own each."""
    database_through_proxy: bool = False
    """Whether the database URL leads to a proxy that pools transactions, such as PgBouncer."""
    database_connect_timeout: Annotated[float, Field(gt=0)] = 3.0
    database_statement_timeout: Annotated[float, Field(gt=0)] = 5.0
    database_lock_timeout: Annotated[float, Field(gt=0)] = 2.0
    database_idle_in_transaction_timeout: Annotated[float, Field(gt=0)] = 5.0

    wake_ups: bool = True
    """Off: events of other nodes are found by the sweep alone."""
    nats_url: Annotated[SecretStr, AfterValidator(_nats)] | None = None
    """One server or several, separated by commas."""

    token_secret: Annotated[SecretStr, AfterValidator(_secret)] | None = None
    token_public_key: Annotated[str, AfterValidator(_public_key)] | None = None
    token_jwks_url: Annotated[str, AfterValidator(_keys_url)] | None = None
    token_issuer: str | None = None
    token_audience: str | None = None

    credentials_keys: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_fernet_keys)] = ()

    allowed_origins: Annotated[frozenset[str], NoDecode, BeforeValidator(_origins)] = frozenset()
    page: bool | None = None
    """Whether the page is served at `/`; None is on under `demo` and off under `serve`."""

    introspection: bool | None = None
    """Introspection and suggestions for misspelt names; None is on under `demo`, off under `serve`.
    """
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    max_document_tokens: Annotated[int, Field(ge=1)] = 1_000
    max_depth: Annotated[int, Field(ge=1)] = 10
    max_aliases: Annotated[int, Field(ge=0)] = 30
    max_root_fields: Annotated[int, Field(ge=1)] = 20
    max_directives: Annotated[int, Field(ge=0)] = 50
    max_mutations_per_second: Annotated[int, Field(ge=1)] = 50
    """Of one user, on this process."""

    max_sockets: Annotated[int, Field(ge=1)] = 20_000
    """WebSockets and streams that may be open on this process."""
    max_sockets_per_user: Annotated[int, Field(ge=1)] = 100
    max_subscriptions_per_socket: Annotated[int, Field(ge=1)] = 50
    """Queries and mutations that are still running count as well."""
    max_messages_per_second: Annotated[int, Field(ge=1)] = 100
    """Of one socket."""
    slow_reader_seconds: Annotated[float, Field(gt=0)] = 10.0
    """How long a client may leave what was sent to it unread before it is cut off."""
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    """None is info under `serve`, warning under `demo`."""

    metrics_address: Annotated[Address | None, NoDecode, BeforeValidator(_address)] = None

    @model_validator(mode="after")
    def _one_way_to_verify(self) -> Self:
        ways = ["token_secret", "token_public_key", "token_jwks_url"]
        given = [PREFIX + way.upper() for way in ways if getattr(self, way) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]}: set {' or '.join(given)}, not both")
        return self


def load_settings(**overrides: object) -> Settings:
    """The settings, `overrides` winning over the environment. Raises `SettingsError`."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type] # validated just here
    except ValidationError as error:
        raise SettingsError(*map(_problem, error.errors(include_input=False))) from None


def misspelt_settings() -> Iterator[tuple[str, str]]:
    """Variables that are no settings but look like one, and that one."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known:
            for like in get_close_matches(name, known, n=1, cutoff=0.85):
                yield name, like


def _problem(error: ErrorDetails) -> str:
    message = error["msg"].removeprefix("Value error, ")
    if error["type"].startswith("bool_"):
        message = "is neither on nor off"
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {message}" if error["loc"] else message
