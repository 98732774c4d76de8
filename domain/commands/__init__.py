"""One file per command: command, errors, handler."""
