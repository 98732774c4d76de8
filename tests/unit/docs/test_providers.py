"""The guide's provider catalogue can be used as it stands there, and names all that there is."""

import re
from pathlib import Path

from infrastructure.providers.catalogue import known_providers, load_catalogue
from infrastructure.providers.entry import ProviderEntry
from tests.unit.docs.pages import OPERATORS


def test_the_example_is_a_catalogue(tmp_path: Path) -> None:
    (example,) = OPERATORS.blocks("toml")
    (tmp_path / "providers.toml").write_text(example.text)
    (tmp_path / "acme.secret").write_text("hunter2")
    loaded = load_catalogue(tmp_path / "providers.toml", {"GITHUB_CLIENT_SECRET": "hunter2"}.get)
    assert {slug: bool(entry.endpoint) for slug, entry in loaded.providers.items()} == {
        "google": True,
        "github": True,
        "acme": True,
        "schwab": False,
    }


def test_every_key_is_listed() -> None:
    listed = {key for row in OPERATORS.table("key") for key in re.findall(r"`(\w+)`", row[0])}
    secrets = {"client_secret_env", "client_secret_file"}
    assert listed == set(ProviderEntry.model_fields) - {"client_secret"} | secrets


def test_every_known_provider_is_named() -> None:
    section = OPERATORS.text.partition("## Providers\n")[2].partition("\n## ")[0]
    assert {name for name in known_providers() if not re.search(rf"\b{name}\b", section)} == set()
