"""How a process ends after an error that an operator can act on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from domain.ports import StorageError
from infrastructure.failures import DatabaseUnavailable, ExitCode, OperatorError


@contextmanager
def exit_codes() -> Iterator[None]:
    """An `OperatorError` is printed as a sentence, not as a traceback."""
    try:
        yield
    except OperatorError as error:
        _exit(error)
    except StorageError as error:
        _exit(DatabaseUnavailable(str(error)))
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


def _exit(error: OperatorError) -> None:
    sys.stderr.write(f"{error}\n")
    sys.exit(error.exit_code)
