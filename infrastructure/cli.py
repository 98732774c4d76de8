"""The entry point of `unplug`."""

import os
import signal
import sys

from infrastructure.failures import DatabaseUnavailable, ExitCode, OperatorError


def main() -> None:
    """Runs a command. An `OperatorError` is printed as a sentence, not as a traceback."""
    # Imports take most of the first second, and Ctrl-C in one of them would print a traceback.
    signal.signal(signal.SIGINT, lambda *_: os._exit(ExitCode.INTERRUPTED))
    from domain.ports import StorageError
    from infrastructure.commands.command_line import app

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except OperatorError as error:
        _exit(error)
    except StorageError as error:
        _exit(DatabaseUnavailable(str(error)))
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


def _exit(error: OperatorError) -> None:
    sys.stderr.write(f"{error}\n")
    sys.exit(error.exit_code)
