"""What a connection may be, and what becomes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from tests.support.ids import a_connection, a_provider, a_user

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
SECRET = b"ciphertext-of-a-refresh-token"


def connection(status: ConnectionStatus = ConnectionStatus.ACTIVE) -> ProviderConnection:
    disconnected = status is ConnectionStatus.DISCONNECTED
    return ProviderConnection(
        id=a_connection(1),
        user_id=a_user(2),
        provider_id=a_provider(3),
        provider_slug="schwab",
        status=status,
        created_at=NOW,
        updated_at=NOW,
        disconnected_at=NOW if disconnected else None,
        credentials=None
        if disconnected
        else ProviderCredentials(encrypted_data=SECRET, credential_type="oauth2"),
    )


@pytest.mark.parametrize("status", [s for s in ConnectionStatus if s != "disconnected"])
def test_any_state_becomes_disconnected_without_credentials(status: ConnectionStatus) -> None:
    disconnected = connection(status).mark_disconnected(LATER)

    assert disconnected.status is ConnectionStatus.DISCONNECTED
    assert disconnected.credentials is None
    assert disconnected.disconnected_at == disconnected.updated_at == LATER


def test_the_longest_names_and_the_first_versions_are_accepted() -> None:
    changed = replace(
        connection(), provider_slug="s" * 50, alias="a" * 100, provider_account_id="i" * 255
    )
    assert (changed.version, changed.credentials_version) == (1, 1)
    assert replace(changed, provider_slug="s", provider_account_id="i").alias == "a" * 100


def test_the_first_time_of_disconnection_stays() -> None:
    disconnected = connection(ConnectionStatus.DISCONNECTED)

    assert disconnected.mark_disconnected(LATER) == disconnected


def test_nothing_of_the_credentials_is_in_their_text() -> None:
    text = repr(connection())

    assert "ciphertext" not in text
    assert "oauth2" not in text


@pytest.mark.parametrize(
    "change",
    [
        {"credentials": None},
        {"status": ConnectionStatus.DISCONNECTED},
        {"provider_slug": ""},
        {"provider_slug": "x" * 51},
        {"alias": "x" * 101},
        {"version": 0},
        {"created_at": NOW.replace(tzinfo=None)},
        {"created_at": NOW.astimezone(timezone(timedelta(hours=1)))},
    ],
)
def test_a_broken_invariant_raises(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        replace(connection(), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"encrypted_data": b""},
        {"credential_type": ""},
        {"expires_at": NOW.replace(tzinfo=None)},
        {"expires_at": NOW.astimezone(timezone(timedelta(hours=1)))},
    ],
)
def test_credentials_that_cannot_be_raise(change: dict[str, object]) -> None:
    credentials = ProviderCredentials(encrypted_data=SECRET, credential_type="oauth2")

    with pytest.raises(ValueError, match=r"."):
        replace(credentials, **change)  # type: ignore[arg-type]
