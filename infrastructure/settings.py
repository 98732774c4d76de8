"""The settings of operators. No other module reads environment variables."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from infrastructure.database.location import DatabaseLocation
from infrastructure.failures import SettingsError
from infrastructure.setting_types import (
    DatabaseUrl,
    FernetKeys,
    KeysUrl,
    ListenAddress,
    NatsUrls,
    Origins,
    PostgresUrl,
    PublicKey,
    TokenSecret,
)

PREFIX = "UNPLUG_"
_NOT = {"bool": "is neither on nor off", "int": "is not a whole number", "float": "is not a number"}
"""Messages by the beginning of pydantic's error types; its own describe its parsers."""


class Settings(BaseSettings):
    """Every field is a variable: `database_url` is `UNPLUG_DATABASE_URL`. Empty means not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    database_url: DatabaseUrl = SecretStr("sqlite://unplug.sqlite3")
    database_direct_url: PostgresUrl | None = None
    database_pool_size: Annotated[int, Field(ge=1)] = 10
    """Connections for reads. The writer and the wake-ups have one each in addition."""
    database_through_proxy: bool = False
    """The database URL names a proxy that pools transactions, such as PgBouncer."""
    database_connect_timeout: Annotated[float, Field(gt=0)] = 3.0
    database_statement_timeout: Annotated[float, Field(gt=0)] = 5.0
    database_lock_timeout: Annotated[float, Field(gt=0)] = 2.0
    database_idle_in_transaction_timeout: Annotated[float, Field(gt=0)] = 5.0

    wake_ups: bool = True
    """When off, only the sweep finds events of other nodes."""
    nats_url: NatsUrls | None = None
    """One or several servers, separated by commas."""

    token_secret: TokenSecret | None = None
    token_public_key: PublicKey | None = None
    token_jwks_url: KeysUrl | None = None
    token_issuer: str | None = None
    token_audience: str | None = None

    credentials_keys: FernetKeys = ()

    allowed_origins: Origins = frozenset()
    page: bool | None = None
    """Serves the page at `/`. Default: on for `demo`, off for `serve`."""

    introspection: bool | None = None
    """Allows introspection and suggests misspelt names. Default: on for `demo`, off for `serve`."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    max_document_tokens: Annotated[int, Field(ge=1)] = 1_000
    max_depth: Annotated[int, Field(ge=1)] = 10
    max_aliases: Annotated[int, Field(ge=0)] = 30
    max_root_fields: Annotated[int, Field(ge=1)] = 20
    max_directives: Annotated[int, Field(ge=0)] = 50
    max_mutations_per_second: Annotated[int, Field(ge=1)] = 50
    """Per user and process."""

    max_sockets: Annotated[int, Field(ge=1)] = 20_000
    """Open WebSockets and streams of this process."""
    max_sockets_per_user: Annotated[int, Field(ge=1)] = 100
    max_subscriptions_per_socket: Annotated[int, Field(ge=1)] = 50
    """Queries and mutations count while they run."""
    max_messages_per_second: Annotated[int, Field(ge=1)] = 100
    """Per socket."""
    slow_reader_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Seconds after which a client that does not read is disconnected."""
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    """Default: info for `serve`, warning for `demo`."""

    metrics_address: ListenAddress = None

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None when the database is a PostgreSQL server."""
        return DatabaseLocation.parse(self.database_url.get_secret_value()).file

    @model_validator(mode="after")
    def _one_way_to_verify(self) -> Self:
        ways = ["token_secret", "token_public_key", "token_jwks_url"]
        given = [PREFIX + way.upper() for way in ways if getattr(self, way) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]}: set {' or '.join(given)}, not both")
        return self


def load_settings(**overrides: object) -> Settings:
    """Reads the environment; `overrides` take precedence over it. Raises `SettingsError`."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type] # validated just here
    except ValidationError as error:
        raise SettingsError(*map(_problem, error.errors(include_input=False))) from None


def misspelt_settings() -> Iterator[tuple[str, str]]:
    """Variables that resemble a setting without being one, each with that setting."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known:
            for like in get_close_matches(name, known, n=1, cutoff=0.85):
                yield name, like


def _problem(error: ErrorDetails) -> str:
    message = error["msg"].removeprefix("Value error, ")
    kind = error["type"].partition("_")[0]
    if kind in _NOT:
        message = _NOT[kind]
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {message}" if error["loc"] else message
