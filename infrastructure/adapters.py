"""Which adapters the settings ask for."""

from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.failures import SettingsError
from infrastructure.live.nats import NatsWakeUps
from infrastructure.live.postgres_notify import NotifyWakeUps
from infrastructure.live.wake_ups import NoWakeUps, WakeUps
from infrastructure.observability.metrics import Metrics
from infrastructure.security.issuing import TokenTrust
from infrastructure.settings import Settings


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


def token_trust(settings: Settings) -> TokenTrust:
    """Which tokens users may present. Raises `SettingsError` when no setting says it."""
    secret = settings.token_secret
    if secret is None and settings.token_public_key is None and settings.token_jwks_url is None:
        raise SettingsError(
            "UNPLUG_TOKEN_SECRET: set it (32 bytes or more: `openssl rand -base64 32`), or "
            "UNPLUG_TOKEN_PUBLIC_KEY, or UNPLUG_TOKEN_JWKS_URL, to say whose tokens are accepted."
        )
    return TokenTrust(
        secret=None if secret is None else secret.get_secret_value(),
        public_key=settings.token_public_key,
        keys_url=settings.token_jwks_url,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        leeway=settings.token_leeway,
    )


def wake_ups(settings: Settings, metrics: Metrics) -> WakeUps:
    """NATS when a URL is set, else PostgreSQL's; none when they are off, or with a SQLite file."""
    if not settings.wake_ups:
        return NoWakeUps()
    if settings.nats_url is not None:
        servers = settings.nats_url.get_secret_value().split(",")
        return NatsWakeUps([server.strip() for server in servers], metrics)
    if settings.database_file is not None:
        return NoWakeUps()
    url = settings.database_direct_url or settings.database_url
    return NotifyWakeUps(url.get_secret_value(), metrics)
