"""The commands of `unplug`, with their options.

Each command imports what it needs, so that `unplug token` does not wait for a web server to load.
"""

from infrastructure.commands.command_line import (
    data,
    incidents,
    providers,
    reading,
    servers,
    tokens,
    webhooks,
)
from infrastructure.commands.command_line.application import app

__all__ = ["app", "data", "incidents", "providers", "reading", "servers", "tokens", "webhooks"]
