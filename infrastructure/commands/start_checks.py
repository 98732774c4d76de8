"""What a server checks and tells when it starts."""

import resource
from importlib.metadata import version
from urllib.parse import urlsplit

import structlog

from infrastructure.failures import SettingsError
from infrastructure.settings import Settings

OTHER_FILES = 100
"""Open files of a server besides its sockets and its database connections."""

OTHER_CONNECTIONS = 3
"""To PostgreSQL, besides the pool: the writer's, the wake-ups' and that of revocations."""

_ANY = {"0.0.0.0", "::"}  # noqa: S104 (compared, not bound)
_LOOPBACK = "127.0.0.1"
_LOOPBACKS = {_LOOPBACK, "localhost"}

_log = structlog.get_logger(__name__)


def refuse_shared_address(settings: Settings, host: str, port: int) -> None:
    """Metrics and services need addresses of their own. Raises `SettingsError`.

    Two may bind one address, and the system refuses the second only when it listens. The services'
    port is another one than the server's on every host, because requests are told apart by it.
    """
    metrics, services = settings.metrics_address, settings.service_address
    if services is not None and services.port == port != 0:
        raise SettingsError(_taken("SERVICE", port, "the server's own"))
    for address, whose in (((host, port), "the server's own"), (services, "the services'")):
        if metrics is not None and address is not None and _clash(metrics, address):
            raise SettingsError(_taken("METRICS", metrics.port, whose))


def _clash(one: tuple[str, int], other: tuple[str, int]) -> bool:
    if one[1] != other[1] or one[1] == 0:
        return False
    hosts = {_LOOPBACK if each in _LOOPBACKS else each for each in (one[0], other[0])}
    return len(hosts) == 1 or bool(hosts & _ANY)


def _taken(which: str, port: int, whose: str) -> str:
    return f"UNPLUG_{which}_ADDRESS: port {port} is {whose}; choose another"


def allow_open_files(settings: Settings) -> None:
    """Raises the limit of open files as far as it may, and warns when sockets don't fit in it."""
    needed = settings.max_sockets + settings.database_pool_size + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < settings.max_sockets:
        _log.warning(
            "too_few_open_files",
            allowed=allowed,
            needed=needed,
            advice="raise the limit (ulimit -Hn, LimitNOFILE=) or lower UNPLUG_MAX_SOCKETS",
        )


def described(settings: Settings) -> dict[str, str]:
    """Version, database and wake-ups, without secrets."""
    return {
        "version": version("unplug"),
        "database": _database(settings),
        "wake_ups": _wake_ups(settings),
    }


def totals(settings: Settings, workers: int) -> dict[str, int]:
    """What all workers may use together: each has a pool and limits of its own."""
    return {
        "workers": workers,
        "database_connections": workers * (settings.database_pool_size + OTHER_CONNECTIONS),
        "max_sockets": workers * settings.max_sockets,
        "max_sockets_per_user": workers * settings.max_sockets_per_user,
        "max_mutations_per_second": workers * settings.max_mutations_per_second,
        "max_rows_per_second": workers * settings.max_rows_per_second,
        "max_bodies_bytes": workers * settings.max_bodies_bytes,
        "max_unread_bytes": workers * settings.max_unread_bytes,
    }


def _database(settings: Settings) -> str:
    if settings.database_file is not None:
        return f"sqlite://{settings.database_file}"
    url = urlsplit(settings.database_url.get_secret_value())
    return f"postgresql://{url.netloc.rpartition('@')[2]}{url.path}"


def _wake_ups(settings: Settings) -> str:
    if not settings.wake_ups:
        return "off"
    if settings.nats_url is not None:
        return "nats"
    return "in-process" if settings.database_file is not None else "postgresql"
