"""One server per SQLite file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infrastructure.failures import InUse, OperatorError


@contextmanager
def sole_server(path: Path) -> Iterator[None]:
    """Holds `<path>.lock`, which the system lets go of when the process ends, however it ends.

    Raises `InUse`, which names the process that holds it, or `OperatorError`.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        file = lock.open("a+")
    except OSError as error:
        raise OperatorError(f"{lock} can't be written: {error.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read_text() or "unknown"
            raise InUse(f"{path} is in use by another server: process {holder}.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        # The file stays when the lock goes: whoever took it away could lock it out of sight.
        yield
