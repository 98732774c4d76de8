"""A folder in which a server runs whose providers are the test's own."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet
from uuid_utils.compat import uuid7

from tests.e2e.client import User
from tests.support.processes import Server, connection_line, running, unplug
from tests.support.secrecy import CREDENTIAL
from tests.support.servers.oauth import CLIENT

OUTCOMES = ("ProviderTokenRevocationSucceeded", "ProviderTokenRevocationFailed")
REVOCATIONS = """
{ connectedProviders { edges { node { id revocation { status since manageUrl } } } } }
"""


class Site:
    """On SQLite, or on PostgreSQL when there is a URL of a database."""

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        self.folder = folder
        self.settings = {"PROVIDERS_FILE": "providers.toml"}
        if database_url is not None:
            key = Fernet.generate_key().decode()
            self.settings |= {"DATABASE_URL": database_url, "CREDENTIALS_KEYS": key}
            assert unplug("migrate", cwd=folder, **self.settings).returncode == 0
        (folder / "secret").write_text(CLIENT[1])

    def catalogue(self, **providers: Mapping[str, object]) -> None:
        """Each by its slug; keys beside those of the client and of RFC 7009."""
        own = {"preset": "rfc7009", "client_id": CLIENT[0], "client_secret_file": "secret"}
        tables = [
            f"[{slug}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())
            for slug, table in ((slug, {**own, **keys}) for slug, keys in providers.items())
        ]
        (self.folder / "providers.toml").write_text("\n".join(tables))

    def connect(self, *connections: tuple[UUID, str, Mapping[str, str]]) -> list[UUID]:
        """Imports active connections, by user, slug and tokens; returns their ids."""
        ids: list[UUID] = [uuid7() for _ in connections]
        lines = [
            connection_line(
                user,
                id_,
                provider_slug=slug,
                credentials={"type": "oauth2", "data": {**tokens, "note": CREDENTIAL}},
            )
            for id_, (user, slug, tokens) in zip(ids, connections, strict=True)
        ]
        done = unplug("import", "-", cwd=self.folder, stdin="".join(lines), **self.settings)
        assert done.returncode == 0, done.stderr
        return ids

    def serve(self, **settings: str) -> AbstractContextManager[Server]:
        return running(self.folder, **self.settings, **settings)


def disconnect(user: User, connection_id: UUID) -> dict[str, Any]:
    """Disconnects; the outcome of the revocation, which is the end of what the stream tells."""
    with user.following(user.snapshot()["cursor"]) as stream:
        assert user.disconnect(connection_id)["__typename"] == "DisconnectProviderSuccess"
        while (event := stream.take(1)[0])["__typename"] not in OUTCOMES:
            pass
        assert stream.silent()
    return event


def revocations(user: User) -> dict[UUID, dict[str, Any] | None]:
    """What became of the access, by connection."""
    edges = user.run(REVOCATIONS)["data"]["connectedProviders"]["edges"]
    return {UUID(edge["node"]["id"]): edge["node"]["revocation"] for edge in edges}


def _toml(value: object) -> str:
    """JSON is TOML for texts, numbers, lists and booleans; a table is inline."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)
