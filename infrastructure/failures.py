"""Errors that an operator can act on, and the exit codes that scripts can rely on."""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """How `unplug` ends. Shown by `unplug --help` and in the guide."""

    DONE = 0
    FAILED = 1
    WRONG_USAGE = 2
    DATABASE_UNAVAILABLE = 3
    SCHEMA_OUTDATED = 4
    IN_USE = 5
    KEY_MISSING = 6
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """One line of the table of exit codes."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed, or done in part: the message says which",
    ExitCode.WRONG_USAGE: "the command line or a setting is wrong",
    ExitCode.DATABASE_UNAVAILABLE: "the database can't be reached, read or written",
    ExitCode.SCHEMA_OUTDATED: "the database's schema is missing or outdated: run unplug migrate",
    ExitCode.IN_USE: "another process uses the database file or the address",
    ExitCode.KEY_MISSING: "a key that encrypts credentials in the database is missing",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
}


class OperatorError(Exception):
    """A command can't do its work.

    Its text is printed as it is: what is wrong, what to do about it, and no secrets.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class SettingsError(OperatorError):
    """A setting is wrong or missing. Each problem names its variable and never quotes its value."""

    exit_code = ExitCode.WRONG_USAGE

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))


class DatabaseUnavailable(OperatorError):
    """The database can't be reached, read or written."""

    exit_code = ExitCode.DATABASE_UNAVAILABLE

    def __init__(self, message: str = "") -> None:
        super().__init__(message or "The database can't be read or written; see the log.")


class SchemaOutdated(OperatorError):
    """The database has no schema, or an older one than this code needs."""

    exit_code = ExitCode.SCHEMA_OUTDATED

    def __init__(
        self, message: str = "The database's schema is outdated: run `unplug migrate`."
    ) -> None:
        super().__init__(message)


class InUse(OperatorError):
    """Another process uses the database file or the address."""

    exit_code = ExitCode.IN_USE


class KeyMissing(OperatorError):
    """Credentials in the database are encrypted with a key that was not given."""

    exit_code = ExitCode.KEY_MISSING
