"""The entry point of `unplug`."""

import os
import signal

from infrastructure.failures import ExitCode


def main() -> None:
    """Runs a command."""
    # Imports take most of the first second, and Ctrl-C in one of them would print a traceback.
    signal.signal(signal.SIGINT, lambda *_: os._exit(ExitCode.INTERRUPTED))
    from infrastructure.commands.command_line import app
    from infrastructure.commands.exit_codes import exit_codes

    signal.signal(signal.SIGINT, signal.default_int_handler)
    with exit_codes():
        app()
