"""What operators are told about a driver's error: what is wrong, and what to do about it.

Fixed sentences: a driver's own words may quote credentials or data.
"""

import socket
import sqlite3
import ssl

import asyncpg
from tortoise.exceptions import BaseORMException

UNKNOWN = "The database can't be reached; see UNPLUG_DATABASE_URL."

_SQLITE = {
    sqlite3.SQLITE_READONLY: "The database file or its folder is read-only: make both writable for"
    " this user (SQLite keeps two files beside it), or move them off a read-only mount.",
    sqlite3.SQLITE_CANTOPEN: "The database file can't be opened: its folder must exist and be"
    " writable for this user (SQLite keeps two files beside it).",
    sqlite3.SQLITE_PERM: "This user may not open the database file.",
    sqlite3.SQLITE_BUSY: "Another process has locked the database file; end it, or try again.",
    sqlite3.SQLITE_LOCKED: "Another process has locked the database file; end it, or try again.",
    sqlite3.SQLITE_FULL: "The disk that holds the database file is full.",
    sqlite3.SQLITE_IOERR: "The disk that holds the database file fails to read or write.",
    sqlite3.SQLITE_NOTADB: "The file is not a database; see UNPLUG_DATABASE_URL.",
    sqlite3.SQLITE_ERROR: "The tables in the database file are not those of this version of Unplug:"
    " see UNPLUG_DATABASE_URL.",
    sqlite3.SQLITE_CORRUPT: "The database file is damaged: restore a backup.",
}
"""By primary result code."""

_POSTGRES: tuple[tuple[type[Exception], str], ...] = (
    (
        asyncpg.InvalidPasswordError,
        "The database refuses the user or the password in UNPLUG_DATABASE_URL.",
    ),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "The database refuses the user in UNPLUG_DATABASE_URL, or connections from this machine"
        " (pg_hba.conf).",
    ),
    (
        asyncpg.InvalidCatalogNameError,
        "The server has no database of the name in UNPLUG_DATABASE_URL: create it, or correct the"
        " name.",
    ),
    (
        asyncpg.InsufficientPrivilegeError,
        "The user in UNPLUG_DATABASE_URL lacks a privilege: `unplug migrate` needs CREATE on the"
        " schema, all other commands need SELECT, INSERT, UPDATE and DELETE on its tables.",
    ),
    (
        asyncpg.InvalidSchemaNameError,
        "The user in UNPLUG_DATABASE_URL has no schema to create tables in: set its search_path.",
    ),
    (
        asyncpg.ReadOnlySQLTransactionError,
        "The database is read-only: UNPLUG_DATABASE_URL leads to a standby, or"
        " default_transaction_read_only is on.",
    ),
    (
        asyncpg.TooManyConnectionsError,
        "The database has no connection left: lower UNPLUG_DATABASE_POOL_SIZE, or raise its"
        " max_connections.",
    ),
    (
        asyncpg.CannotConnectNowError,
        "The database is starting or stopping; try again.",
    ),
    (
        asyncpg.UndefinedObjectError,
        "The database does not know an option in UNPLUG_DATABASE_URL; remove it.",
    ),
    (
        asyncpg.ClientConfigurationError,
        "UNPLUG_DATABASE_URL has an option whose value is not understood, such as sslmode.",
    ),
    (
        asyncpg.LockNotAvailableError,
        "Another session holds a lock that is needed; end it, or try again.",
    ),
    (
        asyncpg.QueryCanceledError,
        "The database did not answer within UNPLUG_DATABASE_STATEMENT_TIMEOUT.",
    ),
)
_NETWORK: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "The host in UNPLUG_DATABASE_URL can't be resolved."),
    (
        ssl.SSLCertVerificationError,
        "The certificate of the database is not trusted: see sslmode and sslrootcert in"
        " UNPLUG_DATABASE_URL.",
    ),
    (ssl.SSLError, "TLS with the database failed: see sslmode in UNPLUG_DATABASE_URL."),
    (
        ConnectionRefusedError,
        "No database listens at the address in UNPLUG_DATABASE_URL, or a firewall refuses.",
    ),
    (
        TimeoutError,
        "The database does not answer: see UNPLUG_DATABASE_URL and"
        " UNPLUG_DATABASE_CONNECT_TIMEOUT.",
    ),
    (
        ConnectionError,
        "The database closed the connection, or does not speak TLS: see sslmode in"
        " UNPLUG_DATABASE_URL.",
    ),
    (
        FileNotFoundError,
        "UNPLUG_DATABASE_URL names a file that is not there: a socket or a certificate.",
    ),
    (PermissionError, "This user may not open a file that UNPLUG_DATABASE_URL names."),
)


def explain_error(error: BaseException) -> str:
    """A sentence for operators, without secrets."""
    if isinstance(error, BaseORMException):
        wrapped = error.args[0] if error.args else None
        driver_error = wrapped if isinstance(wrapped, Exception) else error.__cause__
        return UNKNOWN if driver_error is None else explain_error(driver_error)
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        return _SQLITE.get(code, f"SQLite reports {name}.")
    for kind, sentence in _POSTGRES + _NETWORK:
        if isinstance(error, kind):
            return sentence
    if isinstance(error, asyncpg.PostgresError):
        return f"The database reports {type(error).__name__} (SQLSTATE {error.sqlstate})."
    return UNKNOWN
