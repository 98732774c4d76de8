"""The provider catalogue: a TOML file of the operator's, on known providers as presets."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from infrastructure.failures import SettingsError
from infrastructure.providers.client_secrets import ClientSecrets
from infrastructure.providers.entry import ProviderEntry
from infrastructure.web.page import LOGO_TYPES

_KEYS = [
    *(key for key in ProviderEntry.model_fields if key != "client_secret"),
    "client_secret_env",
    "client_secret_file",
    "preset",
]
NO_WAY, RFC7009 = "none", "rfc7009"
_MOST_LOGO_BYTES = 262_144
_KNOWN = Path(__file__).with_name("known.toml")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Providers by slug."""

    providers: Mapping[str, ProviderEntry] = field(default_factory=dict)


@cache
def known_providers() -> Mapping[str, Mapping[str, Any]]:
    """Presets by name, as tables; without any client's id or secret."""
    return tomllib.loads(_KNOWN.read_text())


def load_catalogue(path: Path, variable: Callable[[str], str | None]) -> Catalogue:
    """Raises `SettingsError` with every problem, each with its table and key and without a value.

    `variable` gives the environment variable that a `client_secret_env` names. A
    `client_secret_file` is read from beside the catalogue.
    """
    try:
        tables = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"UNPLUG_PROVIDERS_FILE: can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"UNPLUG_PROVIDERS_FILE: is not TOML: {_place(error)}") from None
    secrets = ClientSecrets(path.parent, variable)
    problems: list[str] = []
    providers: dict[str, ProviderEntry] = {}
    for slug, table in tables.items():
        try:
            providers[slug] = _entry(table, secrets, path.parent)
        except ValidationError as error:
            found = [_described(details) for details in error.errors(include_input=False)]
        except ValueError as error:
            found = [str(error)]
        else:
            continue
        problems += [f"UNPLUG_PROVIDERS_FILE: [{slug}] {problem}" for problem in found]
    if problems:
        raise SettingsError(*problems)
    return Catalogue(providers)


def _entry(table: object, secrets: ClientSecrets, folder: Path) -> ProviderEntry:
    if not isinstance(table, dict):
        raise ValueError("is not a table")  # noqa: TRY004 (a fault of a text, not of a caller)
    own = dict(table)
    preset = own.pop("preset", None)
    if preset is not None:
        own = {**_preset(preset), **own}
    if preset in {None, RFC7009} and "endpoint" not in own:
        raise ValueError('endpoint: missing; or set preset = "none" for a provider without one')
    secrets.reveal(own)
    if "logo" in own:
        own["logo"] = _logo(folder, own["logo"])
    return ProviderEntry.model_validate(own)


def _logo(folder: Path, name: object) -> Path:
    if not isinstance(name, str) or "://" in name:
        raise ValueError("logo: is not the name of a file beside the catalogue")
    file = folder / name
    if file.suffix not in LOGO_TYPES:
        raise ValueError(f"logo: must end in {', '.join(LOGO_TYPES)}")
    try:
        size = len(file.read_bytes())
    except OSError:
        raise ValueError("logo: can't be read") from None
    if not 0 < size <= _MOST_LOGO_BYTES:
        raise ValueError(f"logo: must have 1 to {_MOST_LOGO_BYTES} bytes")
    return file


def _preset(name: object) -> Mapping[str, Any]:
    if name == NO_WAY:
        return {}
    known = known_providers()
    if not isinstance(name, str) or name not in known:
        near = get_close_matches(str(name), [*known, NO_WAY], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"preset: is not known (`unplug providers --known`){hint}")
    return known[name]


def _described(details: ErrorDetails) -> str:
    key = ".".join(str(part) for part in details["loc"])
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        near = get_close_matches(key, _KEYS, n=1)
        message = "there is no such key" + (f"; did you mean {near[0]}?" if near else "")
    return f"{key}: {message}" if key else message


def _place(error: Exception) -> str:
    """Where a TOML file is wrong, without a piece of it."""
    line = getattr(error, "lineno", None)
    return f"line {line}" if line else str(error).rpartition("(")[2].rstrip(")")
