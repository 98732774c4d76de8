"""URLs of databases, message brokers and key sets."""

from typing import Annotated, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import AfterValidator, SecretStr

from infrastructure.database.location import DatabaseLocation

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

_WITHOUT_EFFECT = {
    "connect_timeout",  # UNPLUG_DATABASE_CONNECT_TIMEOUT
    "fallback_application_name",
    "gssdelegation",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "sslcompression",
    "sslsni",
    "tcp_user_timeout",
}
"""Options of libpq that can be left out. asyncpg would send them to the server, which refuses."""

_UNSUPPORTED = {
    "channel_binding": "; sslmode=verify-full protects the connection as well",
    "gssencmode": "",
    "hostaddr": "; use host",
    "load_balance_hosts": "",
    "pgbouncer": "; set UNPLUG_DATABASE_THROUGH_PROXY=on",
    "connection_limit": "; set UNPLUG_DATABASE_POOL_SIZE",
    "pool_timeout": "; set UNPLUG_DATABASE_CONNECT_TIMEOUT",
    "replication": "",
    "require_auth": "",
    "requirepeer": "",
    "schema": "; use options=-csearch_path%3DSCHEMA",
    "sslcertmode": "",
}
"""Options whose meaning would be lost, with what to do instead."""

_OPTIONAL = {"channel_binding": {"prefer", "disable"}, "gssencmode": {"prefer", "disable"}}
"""Their values that ask for nothing."""


def _database(url: SecretStr) -> SecretStr:
    if DatabaseLocation.parse(url.get_secret_value()).file is None:
        return _server(url)
    return url


def _postgres(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgres://", "postgresql://")):
        raise ValueError("is not postgres://USER:PASSWORD@HOST/DATABASE")
    return _server(url)


def _server(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    _check_parts(text)
    parts = urlsplit(text)
    options = parse_qsl(parts.query)
    kept = [(name, value) for name, value in options if _has_effect(name, value)]
    if kept == options:
        return url
    return SecretStr(urlunsplit(parts._replace(query=urlencode(kept))))


def _has_effect(name: str, value: str) -> bool:
    if name in _WITHOUT_EFFECT or value in _OPTIONAL.get(name, ()):
        return False
    if name in _UNSUPPORTED:
        raise ValueError(f"has the option {name}, which is not supported{_UNSUPPORTED[name]}")
    return True


def _nats(urls: SecretStr) -> SecretStr:
    for url in urls.get_secret_value().split(","):
        if not url.strip().startswith(("nats://", "tls://")) or not _has_host(url.strip()):
            raise ValueError("is not nats://HOST or tls://HOST, or several, separated by commas")
        _check_parts(url.strip())
    return urls


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return True  # reported by `_check_parts`


def _check_parts(url: str) -> None:
    """Refuses a URL whose parts can't be told apart, most often for an unescaped character.

    Found out here, before a driver quotes a part of the password in an exception. Several hosts
    may be given, separated by commas.
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


def _keys_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (it raises)
    except ValueError:
        raise ValueError("is not an https:// URL") from None
    if not url.isascii() or parts.username is not None:
        raise ValueError("has user information before its host, or characters that no URL has")
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return url
    raise ValueError("is not an https:// URL (http:// is for loopback only: keys decide who signs)")


DatabaseUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_database)]
PostgresUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_postgres)]
NatsUrls: TypeAlias = Annotated[SecretStr, AfterValidator(_nats)]
KeysUrl: TypeAlias = Annotated[str, AfterValidator(_keys_url)]
