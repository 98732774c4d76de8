"""How all connections to a SQLite file are opened."""

import sqlite3
from pathlib import Path

BUSY_TIMEOUT = 5_000
"""Milliseconds to wait for another process's transaction."""

PRAGMAS = {
    "busy_timeout": BUSY_TIMEOUT,  # first: the others may have to wait
    "journal_mode": "WAL",
    "synchronous": "FULL",  # WAL's NORMAL may lose the last commits with the power
    "foreign_keys": "ON",
    "secure_delete": "ON",
}


def connect(path: Path, *, busy_timeout: int = BUSY_TIMEOUT) -> sqlite3.Connection:
    """Opens in autocommit mode: transactions begin and end where the code says so.

    One thread at a time may use it.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for name, value in {**PRAGMAS, "busy_timeout": busy_timeout}.items():
            connection.execute(f"PRAGMA {name}={value}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
