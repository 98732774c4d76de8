"""The commands of `unplug`, with their options.

Each command imports what it needs, so that `unplug token` does not wait for a web server to load.
"""

from infrastructure.commands.command_line import servers, data, reading, providers, webhooks, tokens  # noqa: I001 (order of help)
from infrastructure.commands.command_line.application import app

__all__ = ["app", "data", "providers", "reading", "servers", "tokens", "webhooks"]
