"""What the database itself refuses, to every client."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from infrastructure.database.sqlite.connection import connect
from infrastructure.database.sqlite.migrate import migrate_sqlite

A, B, C, D, E, F = (f"00000000-0000-0000-0000-00000000000{digit}" for digit in "abcdef")
EVENT: dict[str, object] = {
    "id": A,
    "user_id": A,
    "position": 1,
    "kind": "attempted",
    "occurred_at": "2026-01-02 03:04:05+00:00",
    "connection_id": A,
    "attempt_id": A,
    "provider_id": A,
    "provider_slug": "schwab",
    "reason": None,
    "initiator": "user",
}
NOT_ATTEMPTED: dict[str, object] = {"initiator": None}
CONNECTION: dict[str, object] = {
    "id": A,
    "user_id": A,
    "provider_id": A,
    "provider_slug": "schwab",
    "alias": None,
    "status": "active",
    "encrypted_credentials": b"ciphertext",
    "credential_type": "oauth2",
    "credentials_expire_at": None,
    "created_at": "2026-01-02 03:04:05+00:00",
    "updated_at": "2026-01-02 03:04:05+00:00",
    "version": 1,
}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    migrate_sqlite(tmp_path / "unplug.sqlite3")
    with closing(connect(tmp_path / "unplug.sqlite3")) as db:
        yield db


def insert(
    db: sqlite3.Connection, table: str, row: dict[str, object], verb: str = "INSERT", tail: str = ""
) -> None:
    marks = ", ".join(f":{name}" for name in row)
    db.execute(f"{verb} INTO {table} ({', '.join(row)}) VALUES ({marks}) {tail}", row)


def events(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    return db.execute("SELECT * FROM provider_events ORDER BY id").fetchall()


@pytest.fixture
def log(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    """An attempt and its outcome."""
    insert(db, "provider_events", EVENT)
    insert(
        db, "provider_events", EVENT | NOT_ATTEMPTED | {"id": B, "position": 2, "kind": "succeeded"}
    )
    return events(db)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE provider_events SET occurred_at = 'never'",
        "UPDATE OR REPLACE provider_events SET position = 1 WHERE position = 2",
        "UPDATE OR IGNORE provider_events SET position = 3 WHERE position = 2",
        "DELETE FROM provider_events",
        "DELETE FROM provider_events WHERE position = 2",
    ],
)
def test_log_refuses_to_change(
    db: sqlite3.Connection, log: list[tuple[object, ...]], statement: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="can only grow"):
        db.execute(statement)

    assert events(db) == log


@pytest.mark.parametrize(
    "clash",
    [
        {"id": A, "user_id": D, "attempt_id": D},
        {"id": D, "attempt_id": D},
        {"id": D, "user_id": D},
        NOT_ATTEMPTED | {"id": D, "user_id": D, "kind": "failed", "reason": "interrupted"},
        {"id": D, "user_id": D, "attempt_id": D, "commit_order": 1},
    ],
    ids=["id", "position", "attempted twice", "other outcome", "commit order"],
)
@pytest.mark.parametrize(
    ("verb", "tail"),
    [
        ("INSERT", ""),
        ("INSERT OR REPLACE", ""),
        ("REPLACE", ""),
        ("INSERT", "ON CONFLICT DO UPDATE SET occurred_at = excluded.occurred_at"),
    ],
)
def test_log_refuses_what_would_take_an_events_place(
    db: sqlite3.Connection,
    log: list[tuple[object, ...]],
    clash: dict[str, object],
    verb: str,
    tail: str,
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="can only grow"):
        insert(db, "provider_events", EVENT | clash, verb, tail)

    assert events(db) == log


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "happened"},
        NOT_ATTEMPTED | {"kind": "failed"},
        {"reason": "interrupted"},
        NOT_ATTEMPTED | {"kind": "failed", "reason": "bad luck"},
        NOT_ATTEMPTED,
        {"initiator": "stranger"},
        {"attempt_id": None},
        {"note": ""},
        {"note": "x" * 501},
        {"created": 1},
        {"loss": "expired"},
        NOT_ATTEMPTED | {"kind": "connected"},
        NOT_ATTEMPTED | {"kind": "connected", "created": 0, "previous_connection_id": B},
        NOT_ATTEMPTED | {"kind": "connected", "created": 1, "note": "no"},
        NOT_ATTEMPTED | {"kind": "access_lost"},
        NOT_ATTEMPTED | {"kind": "access_lost", "loss": "active"},
        {"position": 0},
        {"position": 2**31},
        {"provider_id": None},
        {"provider_slug": None},
        {"provider_slug": ""},
        {"provider_slug": "x" * 51},
        {"user_id": "no UUID"},
        {"occurred_at": None},
    ],
    ids=str,
)
def test_log_refuses_events_that_make_no_sense(
    db: sqlite3.Connection, wrong: dict[str, object]
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(db, "provider_events", EVENT | wrong)


def test_log_takes_every_kind_of_event(db: sqlite3.Connection) -> None:
    unknown = {"provider_id": None, "provider_slug": None}
    reason = NOT_ATTEMPTED | {"kind": "failed", "reason": "interrupted"}
    rest = NOT_ATTEMPTED | {"user_id": D, "attempt_id": None}
    insert(db, "provider_events", EVENT)
    insert(
        db, "provider_events", EVENT | NOT_ATTEMPTED | {"id": B, "position": 2, "kind": "succeeded"}
    )
    insert(db, "provider_events", EVENT | unknown | reason | {"id": C, "user_id": C,
           "attempt_id": C})  # fmt: skip
    insert(db, "provider_events", EVENT | rest | {"id": D, "kind": "access_lost",
           "loss": "expired"})  # fmt: skip
    insert(db, "provider_events", EVENT | rest | {"id": E, "position": 2,
           "kind": "access_restored"})  # fmt: skip
    insert(db, "provider_events", EVENT | rest | {"id": F, "position": 3, "kind": "connected",
           "attempt_id": D, "created": 1, "previous_connection_id": A})  # fmt: skip

    assert len(events(db)) == 6


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "happy"},
        {"provider_slug": ""},
        {"provider_slug": "x" * 51},
        {"alias": "x" * 101},
        {"encrypted_credentials": None, "credential_type": None},
        {"encrypted_credentials": None},
        {"credential_type": None},
        {"encrypted_credentials": b""},
        {"credential_type": ""},
        {"status": "disconnected"},
        {
            "status": "pending",
            "encrypted_credentials": None,
            "credential_type": None,
            "credentials_expire_at": "2026-01-02 03:04:05+00:00",
        },
        {"version": 0},
        {"credentials_version": 0},
        {"provider_account_id": ""},
        {"provider_account_id": "x" * 256},
        {"user_id": "no UUID"},
        {"created_at": None},
    ],
    ids=str,
)
def test_connections_refuse_what_makes_no_sense(
    db: sqlite3.Connection, wrong: dict[str, object]
) -> None:
    insert(db, "provider_connections", CONNECTION | {"id": B, "alias": "é" * 100})

    with pytest.raises(sqlite3.IntegrityError):
        insert(db, "provider_connections", CONNECTION | wrong)


def test_account_has_one_current_connection(db: sqlite3.Connection) -> None:
    account = {"provider_account_id": "account-1"}
    ended = {"status": "disconnected", "encrypted_credentials": None, "credential_type": None}
    insert(db, "provider_connections", CONNECTION | account)
    insert(db, "provider_connections", CONNECTION | account | ended | {"id": B})

    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(db, "provider_connections", CONNECTION | account | {"id": C})
