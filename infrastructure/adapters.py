"""Which adapters the settings ask for."""

from pydantic import SecretStr

from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.failures import SettingsError
from infrastructure.live.postgres_notify import NotifyWakeUps
from infrastructure.live.wake_ups import NoWakeUps, WakeUps
from infrastructure.observability.metrics import Metrics
from infrastructure.providers.catalogue import Catalogue, load_catalogue
from infrastructure.security.credentials_cipher import GivenKeys
from infrastructure.security.token_trust import KeySource, TokenRules, TokenTrust
from infrastructure.settings import Settings, foreign_variable


def postgres_options(settings: Settings) -> PostgresOptions:
    """How to reach the database; for SQLite it says nothing."""
    return PostgresOptions(
        url=settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        connect_timeout=settings.database_connect_timeout,
        statement_timeout=settings.database_statement_timeout,
        lock_timeout=settings.database_lock_timeout,
        idle_in_transaction_timeout=settings.database_idle_in_transaction_timeout,
        through_proxy=settings.database_through_proxy,
    )


def user_trust(settings: Settings) -> TokenTrust:
    """Which tokens users may present."""
    return TokenTrust(
        keys=KeySource(
            secret=_revealed(settings.token_secret),
            public_key=settings.token_public_key,
            url=settings.token_jwks_url,
        ),
        rules=TokenRules(
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            other_audience=settings.service_token_audience,
            leeway=settings.token_leeway,
        ),
    )


def service_trust(settings: Settings) -> TokenTrust:
    """Which tokens services may present. Without keys of their own: the users' keys and issuer."""
    own = KeySource(
        secret=_revealed(settings.service_token_secret),
        public_key=settings.service_token_public_key,
        url=settings.service_token_jwks_url,
    )
    return TokenTrust(
        keys=own or user_trust(settings).keys,
        rules=TokenRules(
            issuer=settings.service_token_issuer or (None if own else settings.token_issuer),
            audience=settings.service_token_audience,
            leeway=settings.token_leeway,
        ),
    )


def require_keys(trust: TokenTrust) -> None:
    """Raises `SettingsError` when no token can be verified."""
    if not trust.keys:
        raise SettingsError(
            "UNPLUG_TOKEN_SECRET: set it (32 bytes or more: `openssl rand -base64 32`), or "
            "UNPLUG_TOKEN_PUBLIC_KEY, or UNPLUG_TOKEN_JWKS_URL, to say whose tokens are accepted."
        )


def catalogue(settings: Settings) -> Catalogue:
    """How providers end access; empty without a file. Raises `SettingsError`."""
    file = settings.providers_file
    return Catalogue() if file is None else load_catalogue(file, foreign_variable)


def wake_ups(settings: Settings, metrics: Metrics) -> WakeUps:
    """NATS when a URL is set, else PostgreSQL's; none when they are off, or with a SQLite file."""
    if not settings.wake_ups:
        return NoWakeUps()
    if settings.nats_url is not None:
        servers = settings.nats_url.get_secret_value().split(",")
        from infrastructure.live.nats import NatsWakeUps  # with aiohttp, a fifth of the start

        return NatsWakeUps([server.strip() for server in servers], metrics)
    if settings.database_file is not None:
        return NoWakeUps()
    url = settings.database_direct_url or settings.database_url
    return NotifyWakeUps(url.get_secret_value(), metrics)


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def given_keys(settings: Settings) -> GivenKeys:
    """The keys that encrypt credentials. Raises `SettingsError` when nothing can hold them."""
    keys = tuple(key.get_secret_value() for key in settings.credentials_keys)
    if not keys and settings.database_file is None:
        raise SettingsError(
            "UNPLUG_CREDENTIALS_KEYS: needed with PostgreSQL, to encrypt credentials; "
            "make one with `openssl rand -base64 32 | tr +/ -_`."
        )
    return GivenKeys(keys=keys, database_file=settings.database_file)
