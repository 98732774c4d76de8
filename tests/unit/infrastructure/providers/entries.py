"""Catalogue entries for tests."""

from typing import Any

from infrastructure.providers.catalogue import known_providers
from infrastructure.providers.entry import ProviderEntry

CLIENT = {"client_id": "the-client", "client_secret": "hunter2"}
ENDPOINT = "https://id.example/revoke"


def entry(**keys: Any) -> ProviderEntry:  # noqa: ANN401 (as TOML has them)
    """A provider of one's own that takes a form with the token, unless told otherwise."""
    table = {"endpoint": ENDPOINT, "fields": {"token": "{token}"}}
    return ProviderEntry.model_validate({**table, **keys})


def known(name: str, **keys: Any) -> ProviderEntry:  # noqa: ANN401 (as TOML has them)
    """A known provider, with a client's id and secret."""
    preset = dict(known_providers()[name])
    if name == "rfc7009":
        preset["endpoint"] = ENDPOINT
    return ProviderEntry.model_validate({**preset, **CLIENT, **keys})
