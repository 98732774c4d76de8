"""Secrets of clients, which a catalogue names and never holds."""

import re
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = re.compile(r"(?!UNPLUG_)[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ClientSecrets:
    """Environment variables, and files in a folder."""

    folder: Path
    variable: Callable[[str], str | None]

    def reveal(self, table: MutableMapping[str, Any]) -> None:
        """Replaces `client_secret_env` or `client_secret_file` by `client_secret`.

        Raises `ValueError`, whose text begins with the key and holds no value.
        """
        if "client_secret" in table:
            raise ValueError("client_secret: name a variable with client_secret_env instead")
        name = table.pop("client_secret_env", None)
        file = table.pop("client_secret_file", None)
        if name is not None and file is not None:
            raise ValueError("client_secret_file: there is client_secret_env already")
        if name is not None:
            table["client_secret"] = self._from_variable(name)
        elif file is not None:
            table["client_secret"] = self._from_file(file)

    def _from_variable(self, name: object) -> str:
        if not isinstance(name, str) or not VARIABLE.fullmatch(name):
            raise ValueError("client_secret_env: is not the name of a variable of your own")
        value = (self.variable(name) or "").strip()
        if not value:
            raise ValueError("client_secret_env: the variable is not set")
        return value

    def _from_file(self, name: object) -> str:
        try:
            value = (self.folder / str(name)).read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise ValueError("client_secret_file: can't be read") from None
        if not value:
            raise ValueError("client_secret_file: is empty")
        return value
