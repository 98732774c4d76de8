"""The settings of operators. No other module reads environment variables."""

import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from infrastructure.database.location import DatabaseLocation
from infrastructure.failures import SettingsError
from infrastructure.server.client_limits import MOST_UNREAD
from infrastructure.setting_types.keys import FernetKeys, PublicKey, TokenSecret
from infrastructure.setting_types.origins import Origins
from infrastructure.setting_types.server_urls import DatabaseUrl, KeysUrl, NatsUrls, PostgresUrl
from infrastructure.setting_types.values import (
    AppName,
    Leeway,
    ListenAddress,
    LogLevel,
    LongSeconds,
    Seconds,
    Switch,
    WebUrl,
    WholeNumber,
)

PREFIX = "UNPLUG_"

OPTION_VARIABLES = frozenset(
    PREFIX + name
    for name in (
        "AFTER",
        "BROWSER",
        "CONNECTED_BEFORE",
        "DRY_RUN",
        "EXPECT",
        "EXPIRES_IN",
        "FOLLOW",
        "FORGET",
        "FORGET_PROVIDER",
        "FROM_START",
        "HOST",
        "IDS",
        "KNOWN",
        "NOTE",
        "OVERLAP",
        "PORT",
        "PROVIDER",
        "RETRY",
        "SCOPE",
        "SERVICE",
        "SKIP",
        "TYPE",
        "USER",
        "WORKERS",
    )
)
"""Variables of the command line's options, which Typer reads."""

_OF_KUBERNETES = re.compile(r"UNPLUG_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_\w+)?)")
"""What Kubernetes sets in every pod beside a Service that is named `unplug`."""


class Settings(BaseSettings):
    """Every field is a variable: `database_url` is `UNPLUG_DATABASE_URL`. Empty means not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    database_url: DatabaseUrl = SecretStr("sqlite://unplug.sqlite3")
    database_direct_url: PostgresUrl | None = None
    database_pool_size: Annotated[WholeNumber, Field(ge=1)] = 10
    """Connections for reads. The writer and the wake-ups have one each in addition."""
    database_through_proxy: Switch = False
    """The database URL names a proxy that pools transactions, such as PgBouncer."""
    database_connect_timeout: Seconds = 3.0
    database_statement_timeout: Seconds = 5.0
    database_lock_timeout: Seconds = 2.0
    database_idle_in_transaction_timeout: Seconds = 5.0

    wake_ups: Switch = True
    """When off, only the sweep finds events of other nodes."""
    nats_url: NatsUrls | None = None
    """One or several servers, separated by commas."""

    token_secret: TokenSecret | None = None
    token_public_key: PublicKey | None = None
    token_jwks_url: KeysUrl | None = None
    token_issuer: str | None = None
    token_audience: str | None = None
    token_leeway: Leeway = 5.0
    """Seconds by which `nbf` and `iat` may lie in the future."""

    service_token_secret: TokenSecret | None = None
    service_token_public_key: PublicKey | None = None
    service_token_jwks_url: KeysUrl | None = None
    service_token_issuer: str | None = None
    service_token_audience: str = "unplug-service"  # noqa: S105
    """Without keys of their own, services' tokens are verified with the users' keys and issuer."""

    service_address: ListenAddress = None
    """Serves back ends at `/graphql` there, for services' tokens only. Not set: off."""

    credentials_keys: FernetKeys = ()

    providers_file: Path | None = None
    """The provider catalogue: how each provider ends access."""
    revocation_give_up: LongSeconds = 259_200.0
    """Seconds after which a revocation that its provider does not confirm is given up."""
    webhook_timeout: Annotated[Seconds, Field(le=60)] = 20.0
    """For one request to a webhook, from its connection to its answer."""
    webhook_private_addresses: Switch = False
    """Whether webhooks may lead to private and link-local addresses."""
    proxies: Switch = False
    """Whether requests to other servers use the proxies that the environment names."""

    allowed_origins: Origins = frozenset()
    page: Switch | None = None
    """Serves the page at `/`. Default: on for `demo`, off for `serve`."""

    app_name: AppName | None = None
    """The app whose users see the page, as they know it."""
    reconnect_url: WebUrl | None = None
    """Where users connect providers. The page leads there when access was lost."""
    privacy_url: WebUrl | None = None
    """Where users read how data that was fetched is deleted. The page links to it."""

    introspection: Switch | None = None
    """Allows introspection and suggests misspelt names. Default: on for `demo`, off for `serve`."""
    max_body_bytes: Annotated[WholeNumber, Field(ge=1024)] = 1_048_576
    max_bodies_bytes: Annotated[WholeNumber, Field(ge=1024)] = 67_108_864
    """Of all requests that are being read or run, per process."""
    max_document_tokens: Annotated[WholeNumber, Field(ge=1)] = 1_000
    max_depth: Annotated[WholeNumber, Field(ge=1)] = 10
    max_aliases: Annotated[WholeNumber, Field(ge=0)] = 30
    max_root_fields: Annotated[WholeNumber, Field(ge=1)] = 20
    max_directives: Annotated[WholeNumber, Field(ge=0)] = 50
    max_mutations_per_second: Annotated[WholeNumber, Field(ge=1)] = 50
    max_rows_per_second: Annotated[WholeNumber, Field(ge=100)] = 2_000
    """Per user and process."""

    max_sockets: Annotated[WholeNumber, Field(ge=1)] = 20_000
    """Open WebSockets and streams of this process."""
    max_sockets_per_user: Annotated[WholeNumber, Field(ge=1)] = 100
    max_subscriptions_per_socket: Annotated[WholeNumber, Field(ge=1)] = 50
    """Queries and mutations count while they run."""
    max_messages_per_second: Annotated[WholeNumber, Field(ge=1)] = 100
    """Per socket."""
    slow_reader_seconds: Seconds = 10.0
    """Seconds after which a client that does not read is disconnected."""
    max_unread_bytes: Annotated[WholeNumber, Field(ge=1_048_576)] = MOST_UNREAD
    """Of responses and events that clients have not read, per process."""
    keep_alive_seconds: Annotated[WholeNumber, Field(ge=1)] = 75
    """Seconds after which an idle HTTP connection is closed."""
    log_level: LogLevel | None = None
    """Default: info for `serve`, warning for `demo`."""

    metrics_address: ListenAddress = None

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None when the database is a PostgreSQL server."""
        return DatabaseLocation.parse(self.database_url.get_secret_value()).file

    @model_validator(mode="after")
    def _one_way_to_verify(self) -> Self:
        for whose in ("", "service_"):
            ways = [f"{whose}token_{way}" for way in ("secret", "public_key", "jwks_url")]
            given = [PREFIX + way.upper() for way in ways if getattr(self, way) is not None]
            if len(given) > 1:
                raise ValueError(f"{given[0]}: set {' or '.join(given)}, not both")
        if self.token_audience == self.service_token_audience:
            raise ValueError(
                f"{PREFIX}TOKEN_AUDIENCE: must not be {PREFIX}SERVICE_TOKEN_AUDIENCE, by which "
                "services' tokens are told from users'"
            )
        return self

    @model_validator(mode="after")
    def _database_settings_agree(self) -> Self:
        if self.database_file is not None and self.database_direct_url is not None:
            raise ValueError(
                f"{PREFIX}DATABASE_DIRECT_URL: needs {PREFIX}DATABASE_URL, which is a SQLite file"
            )
        if self.database_lock_timeout >= self.database_statement_timeout:
            raise ValueError(
                f"{PREFIX}DATABASE_LOCK_TIMEOUT: must be below {PREFIX}DATABASE_STATEMENT_TIMEOUT,"
                " or a row that is locked looks like a database that does not answer"
            )
        return self


def load_settings(**overrides: object) -> Settings:
    """Reads the environment; `overrides` take precedence over it.

    Raises `SettingsError` with all problems, unknown variables included.
    """
    problems = list(_unknown())
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type] # validated just here
    except ValidationError as error:
        problems += map(_problem, error.errors(include_input=False))
    if problems:
        raise SettingsError(*problems)
    return settings


def foreign_variable(name: str) -> str | None:
    """A variable that is no setting, such as a secret that the provider catalogue names."""
    return os.environ.get(name)


def _unknown() -> Iterator[str]:
    known = OPTION_VARIABLES | {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if not name.upper().startswith(PREFIX) or name.upper() in known:
            continue
        if _OF_KUBERNETES.fullmatch(name):
            advice = (
                "Kubernetes sets it for a Service that is named unplug: "
                "put `enableServiceLinks: false` into the pod's specification"
            )
        else:
            (nearest,) = get_close_matches(name.upper(), known, n=1, cutoff=0)
            advice = f"did you mean {nearest}?"
        yield f"{name}: there is no such setting; {advice}"


def _problem(error: ErrorDetails) -> str:
    message = error["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {message}" if error["loc"] else message
