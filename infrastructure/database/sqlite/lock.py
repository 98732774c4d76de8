"""One server per SQLite file, and one name.

SQLite finds a file's WAL by the file's name: processes that use two names of one file overwrite
each other's commits. Symbolic links are resolved by `DatabaseLocation`, more than one hard link is
refused, and a bind mount shows in the server's lock on the file itself.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import sleep
from typing import IO

from infrastructure.failures import InUse, OperatorError

_LOCKS_FILE = sys.platform == "linux"
"""Elsewhere `flock` is not independent of SQLite's own locks on the file."""

_TRIES = 5
_PAUSE = 0.02


@contextmanager
def sole_server(path: Path) -> Iterator[None]:
    """Locks the file, which is created if missing, and `<path>.lock`, which names the process.

    Outlives all of this process's connections to the file: closing any descriptor of it releases
    SQLite's POSIX locks. The system releases both locks when the process ends, in any way. Raises
    `InUse`, which names the process that holds them, or `OperatorError`.
    """
    with ExitStack() as stack:
        named = stack.enter_context(_opened(_lock_file(path)))
        if not _locked(named):
            holder = _lock_file(path).read_text() or "unknown"
            raise InUse(f"{path} is in use by another server: process {holder}.")
        file = stack.enter_context(_opened(path))
        _refuse_hard_links(path)
        if _LOCKS_FILE and not _locked(file):
            raise InUse(f"{path} is in use by another server, under another name.")
        named.truncate(0)
        named.write(str(os.getpid()))
        named.flush()
        # Both files stay: another process may have opened the lock file already.
        yield


@contextmanager
def sole_run(path: Path) -> Iterator[bool]:
    """Whether no other run of a command holds `<path>.disconnect`, beside a server or not.

    The lock is held until the end of the context. Raises `OperatorError`.
    """
    with _opened(path.with_name(f"{path.name}.disconnect")) as file:
        yield _locked(file)


def refuse_other_names(path: Path) -> None:
    """For commands that run beside a server. Raises `OperatorError`.

    To be called before this process connects to the file.
    """
    _refuse_hard_links(path)
    if not _LOCKS_FILE:
        return
    if _is_locked(path) and not _is_locked(_lock_file(path)):
        raise InUse(f"{path} is in use by a server, under another name.")


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return not _locked(file, fcntl.LOCK_SH)


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _refuse_hard_links(path: Path) -> None:
    names = path.stat().st_nlink
    if names > 1:
        raise OperatorError(
            f"{path} has {names} names (hard links), and a SQLite database must have one: "
            "remove the others, or copy the file."
        )


def _opened(path: Path) -> IO[str]:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, mode=0o600), "a+")
    except OSError as error:
        raise OperatorError(f"{path} can't be written: {error.strerror}.") from None


def _locked(file: IO[str] | IO[bytes], kind: int = fcntl.LOCK_EX) -> bool:
    """Tries a little longer than `refuse_other_names` holds a lock in order to look at it."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            sleep(_PAUSE)
        else:
            return True
    return False
