"""Settings come from the environment; what is wrong is named, and no secret is ever shown."""

import base64
import os
from datetime import timedelta
from uuid import UUID

import pytest
import typer
from cryptography.fernet import Fernet

from domain.identifiers import UserId
from infrastructure.adapters import require_keys, user_trust
from infrastructure.commands.command_line import app
from infrastructure.failures import SettingsError
from infrastructure.security.identity import user_tokens, verification_keys
from infrastructure.security.issuing import issue
from infrastructure.setting_types.values import Address
from infrastructure.settings import OPTION_VARIABLES, load_settings

USER = UserId(UUID("0192f0c1-2345-7abc-8def-0123456789ab"))
FERNET_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
SECRET = "correct horse battery staple, twice over"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("UNPLUG_"):
            monkeypatch.delenv(name)


def test_the_defaults_need_nothing() -> None:
    settings = load_settings()
    assert settings.database_url.get_secret_value() == "sqlite://unplug.sqlite3"
    assert settings.page is None
    assert settings.metrics_address is None
    assert settings.allowed_origins == frozenset()


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    monkeypatch.setenv("UNPLUG_DATABASE_URL", "postgres://me:pw@db/unplug")
    monkeypatch.setenv("UNPLUG_CREDENTIALS_KEYS", ", ".join(keys))
    monkeypatch.setenv("UNPLUG_ALLOWED_ORIGINS", "https://App.example:443,http://localhost:5173")
    monkeypatch.setenv("UNPLUG_PAGE", "on")
    monkeypatch.setenv("UNPLUG_METRICS_ADDRESS", "[::1]:9464")
    monkeypatch.setenv("UNPLUG_NATS_URL", "")
    settings = load_settings()
    assert settings.database_url.get_secret_value() == "postgres://me:pw@db/unplug"
    assert [key.get_secret_value() for key in settings.credentials_keys] == keys
    assert settings.allowed_origins == {"https://app.example", "http://localhost:5173"}
    assert settings.page is True
    assert settings.metrics_address == Address("::1", 9464)
    assert settings.nats_url is None


@pytest.mark.parametrize(
    "url",
    [
        "postgres://me:p%2Fw@a:5432,b:5433/x?sslmode=require",
        "postgresql://me:@/x?host=/tmp/socket",
        "postgres://[::1]:5432/x",
    ],
)
def test_urls_of_servers(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("UNPLUG_DATABASE_URL", url)
    assert load_settings().database_url.get_secret_value() == url


def test_what_a_command_says_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNPLUG_TOKEN_SECRET", "short")
    monkeypatch.setenv("UNPLUG_PAGE", "off")
    settings = load_settings(token_secret=SECRET, page=True)
    assert settings.page is True


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DATABASE_URL", "mysql://me:hunter2@db/x", "neither sqlite"),
        ("DATABASE_URL", "hunter2", "neither sqlite"),
        ("DATABASE_URL", "postgres://me:hunter2#1@db/x", "%23"),
        ("DATABASE_URL", "postgres://me:hunter2/1@db/x", "%2F"),
        ("DATABASE_URL", "postgres://me:x?hunter2@db/x", "%3F"),
        ("DATABASE_DIRECT_URL", "postgres://me:x@hunter2:1x/@db/x", "%40"),
        ("NATS_URL", "nats://me:x@bus,nats://me:hunter2#1@bus", "%23"),
        ("NATS_URL", "hunter2@bus", "is not nats://HOST"),
        ("DATABASE_URL", "sqlite://:memory:", "needs a file"),
        ("DATABASE_DIRECT_URL", "sqlite://hunter2", "postgres://"),
        ("TOKEN_SECRET", "hunter2", "make one with `openssl rand -base64 32`"),
        ("TOKEN_PUBLIC_KEY", "hunter2", "not a public key"),
        ("TOKEN_JWKS_URL", "http://hunter2.example/keys", "https://"),
        ("TOKEN_JWKS_URL", "hunter2", "https://"),
        ("TOKEN_JWKS_URL", "https://me:hunter2@id.example/keys", "user information"),
        ("TOKEN_JWKS_URL", "https://id.example/hünter2", "characters that no URL has"),
        ("CREDENTIALS_KEYS", "hunter2", "key 1 of 1 is not a Fernet key"),
        ("CREDENTIALS_KEYS", f"{FERNET_KEY},hunter2", "key 2 of 2"),
        ("ALLOWED_ORIGINS", "*", "https://app.example"),
        ("ALLOWED_ORIGINS", "https://hunter2:x", "https://app.example"),
        ("ALLOWED_ORIGINS", "https://[hunter2", "https://app.example"),
        ("ALLOWED_ORIGINS", "https://app.example/hunter2", "no path"),
        ("PAGE", "hunter2", "neither on nor off"),
        ("INTROSPECTION", "hunter2", "neither on nor off"),
        ("MAX_DEPTH", "hunter2", "is not a whole number"),
        ("SLOW_READER_SECONDS", "hunter2", "is not a number"),
        ("MAX_DEPTH", "0", "greater than or equal to 1"),
        ("METRICS_ADDRESS", "hunter2", "HOST:PORT"),
        ("METRICS_ADDRESS", "hunter2:99999", "HOST:PORT"),
        ("METRICS_ADDRESS", "hunter2:٣", "HOST:PORT"),
        ("MAX_DEPTH", "1_0", "is not a whole number"),
        ("MAX_DEPTH", "1e1", "is not a whole number"),
        ("MAX_DEPTH", "10.0", "is not a whole number"),
        ("MAX_SOCKETS", "99999999999999999999", "less than or equal to"),
        ("DATABASE_LOCK_TIMEOUT", "inf", "is not a number of seconds"),
        ("DATABASE_LOCK_TIMEOUT", "nan", "is not a number of seconds"),
        ("DATABASE_LOCK_TIMEOUT", "1e3", "is not a number of seconds"),
        ("DATABASE_LOCK_TIMEOUT", "86401", "less than or equal to 86400"),
        ("DATABASE_LOCK_TIMEOUT", "0", "greater than 0"),
        ("PAGE", "2", "neither on nor off"),
        ("LOG_LEVEL", "hunter2", "'debug', 'info', 'warning' or 'error'"),
        ("ALLOWED_ORIGINS", "https://*.example.com", "no wildcards"),
        ("ALLOWED_ORIGINS", "https://bücher.example", "xn--"),
        ("ALLOWED_ORIGINS", "https://a b.example", "no browser sends"),
        ("ALLOWED_ORIGINS", "file://hunter2", "https://app.example"),
        ("ALLOWED_ORIGINS", "null", "https://app.example"),
        ("ALLOWED_ORIGINS", "capacitor://localhost/hunter2", "no path"),
        ("NATS_URL", "nats://", "is not nats://HOST"),
        ("NATS_URL", "nats://me:hunter2@", "is not nats://HOST"),
        ("NATS_URL", "nats://bus,", "is not nats://HOST"),
        ("TOKEN_JWKS_URL", "https://hunter2:99999/keys", "https://"),
        ("DATABASE_URL", "postgres://db/x?channel_binding=require", "channel_binding"),
        ("DATABASE_URL", "postgres://db/x?pgbouncer=true", "UNPLUG_DATABASE_THROUGH_PROXY=on"),
        ("DATABASE_DIRECT_URL", "postgres://db/x?hostaddr=hunter2", "hostaddr"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"UNPLUG_{name}", value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    text = str(raised.value)
    assert text.startswith(f"UNPLUG_{name}: ")
    assert message in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("UNPLUG_DB_URL", "did you mean UNPLUG_DATABASE_URL?"),
        ("UNPLUG_ORIGINS", "did you mean UNPLUG_ALLOWED_ORIGINS?"),
        ("unplug_pages", "did you mean UNPLUG_PAGE?"),
        ("UNPLUG_SERVICE_PORT_HTTP", "enableServiceLinks"),
        ("UNPLUG_PORT_8000_TCP_ADDR", "enableServiceLinks"),
    ],
)
def test_an_unknown_variable_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, advice: str
) -> None:
    monkeypatch.setenv(name, "hunter2")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    text = str(raised.value)
    assert text.startswith(f"{name}: there is no such setting; ")
    assert advice in text
    assert "hunter2" not in text


def test_options_of_commands_are_no_unknown_variables() -> None:
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    variables = {
        parameter.envvar
        for subcommand in command.commands.values()
        for each in (subcommand, *getattr(subcommand, "commands", {}).values())
        for parameter in each.params
        if parameter.envvar
    }
    assert variables == OPTION_VARIABLES


@pytest.mark.parametrize(
    ("written", "used"),
    [
        (
            "postgres://db/x?sslmode=require&channel_binding=prefer",
            "postgres://db/x?sslmode=require",
        ),
        ("postgres://db/x?connect_timeout=10", "postgres://db/x"),
        ("postgres://db/x?keepalives=1&application_name=a", "postgres://db/x?application_name=a"),
    ],
)
def test_options_that_only_libpq_knows_are_left_out(
    monkeypatch: pytest.MonkeyPatch, written: str, used: str
) -> None:
    """asyncpg would send them to the server, which refuses the connection."""
    monkeypatch.setenv("UNPLUG_DATABASE_URL", written)
    monkeypatch.setenv("UNPLUG_DATABASE_DIRECT_URL", written)
    settings = load_settings()
    assert settings.database_url.get_secret_value() == used
    assert settings.database_direct_url is not None
    assert settings.database_direct_url.get_secret_value() == used


def test_apps_have_origins_of_their_own_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    apps = {"capacitor://localhost", "ionic://localhost", "tauri://localhost", "app://unplug:8080"}
    monkeypatch.setenv("UNPLUG_ALLOWED_ORIGINS", ", ".join(apps))
    assert load_settings().allowed_origins == apps


@pytest.mark.parametrize("written", ["INFO", "info", " Info "])
def test_the_log_level_is_taken_in_any_case(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("UNPLUG_LOG_LEVEL", written)
    assert load_settings().log_level == "info"


def test_every_problem_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNPLUG_TOKEN_SECRET", "short")
    monkeypatch.setenv("UNPLUG_PAGE", "maybe")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert [line.partition(":")[0] for line in str(raised.value).splitlines()] == [
        "UNPLUG_TOKEN_SECRET",
        "UNPLUG_PAGE",
    ]


def test_tokens_are_verified_in_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNPLUG_TOKEN_SECRET", SECRET)
    monkeypatch.setenv("UNPLUG_TOKEN_JWKS_URL", "https://id.example/keys")
    with pytest.raises(SettingsError, match="UNPLUG_TOKEN_SECRET or UNPLUG_TOKEN_JWKS_URL"):
        load_settings()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"DATABASE_DIRECT_URL": "postgres://db/x"},
            "UNPLUG_DATABASE_DIRECT_URL: needs UNPLUG_DATABASE_URL",
        ),
        (
            {"DATABASE_LOCK_TIMEOUT": "5", "DATABASE_STATEMENT_TIMEOUT": "5"},
            "UNPLUG_DATABASE_LOCK_TIMEOUT: must be below UNPLUG_DATABASE_STATEMENT_TIMEOUT",
        ),
    ],
)
def test_settings_of_the_database_agree(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"UNPLUG_{name}", value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value).startswith(message)


def test_there_is_no_default_secret() -> None:
    with pytest.raises(SettingsError, match="UNPLUG_TOKEN_SECRET"):
        require_keys(user_trust(load_settings()))


def test_without_the_secret_no_token_is_issued() -> None:
    settings = load_settings(token_jwks_url="https://id.example/keys")
    with pytest.raises(SettingsError, match="UNPLUG_TOKEN_SECRET"):
        issue(user_trust(settings), str(USER), timedelta(hours=1))


async def test_an_issued_token_is_taken() -> None:
    settings = load_settings(token_secret=SECRET, token_issuer="me", token_audience="unplug")
    trust = user_trust(settings)
    async with verification_keys(trust.keys, proxies=False) as keys:
        token = issue(trust, str(USER), timedelta(hours=1))
        access = await user_tokens(trust, keys).verify(token)
    assert access is not None
    assert access.caller == USER


def test_settings_show_no_secret() -> None:
    key = Fernet.generate_key().decode()
    settings = load_settings(
        database_url="postgres://me:hunter2@db/unplug",
        nats_url="nats://me:hunter2@bus",
        token_secret=SECRET,
        credentials_keys=key,
    )
    for secret in ("hunter2", SECRET, key):
        assert secret not in repr(settings)
        assert secret not in str(settings.model_dump())
