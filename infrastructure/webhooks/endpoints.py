"""The endpoints in the database, and their secrets."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from infrastructure.database.rows.values import as_uuid
from infrastructure.database.statements import Statement
from infrastructure.database.store import Store
from infrastructure.outbound_http.addresses import is_loopback, may_be_public

MAX_URL = 2000

_ALL = Statement(
    "SELECT id, url, event_types, state, history_after, failures FROM webhook_endpoints"
    " WHERE state <> 'removed' ORDER BY added_at, id"
)
_SECRETS = Statement(
    "SELECT endpoint_id, encrypted_secret FROM webhook_secrets"
    " WHERE expires_at IS NULL OR expires_at > @now ORDER BY created_at DESC, id DESC"
)


class EndpointState(StrEnum):
    """Only an active endpoint is sent anything."""

    STARTING = "starting"
    """Commits that were under way when it was added have not ended yet."""
    ACTIVE = "active"
    FAILING = "failing"
    """The last try of the schedule has failed."""
    DISABLED = "disabled"
    """It answered 410."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where events go. `event_types` None stands for all; secrets are encrypted, newest first."""

    id: UUID
    url: str
    event_types: frozenset[str] | None
    state: EndpointState
    history_after: UUID | None
    failures: int
    secrets: tuple[bytes, ...] = field(repr=False)

    @property
    def on_loopback(self) -> bool:
        """Whether it is this machine's."""
        return is_loopback(urlsplit(self.url).hostname or "")


class Endpoints:
    """All that were added and not removed. Every method raises `StorageError`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> Sequence[Endpoint]:
        """In the order in which they were added."""
        rows = await self._store.execute(_ALL)
        secrets: defaultdict[UUID, list[bytes]] = defaultdict(list)
        for row in await self._store.execute(_SECRETS) if rows else ():
            secrets[as_uuid(row["endpoint_id"])].append(row["encrypted_secret"])
        return [_endpoint(row, secrets) for row in rows]


def _endpoint(row: Mapping[str, Any], secrets: Mapping[UUID, Sequence[bytes]]) -> Endpoint:
    id_, history_after = as_uuid(row["id"]), row["history_after"]
    types: str | None = row["event_types"]
    return Endpoint(
        id=id_,
        url=row["url"],
        event_types=None if types is None else frozenset(types.split()),
        state=EndpointState(row["state"]),
        history_after=None if history_after is None else as_uuid(history_after),
        failures=row["failures"],
        secrets=tuple(secrets[id_]),
    )


def check_url(url: str, *, private_addresses: bool) -> None:
    """Raises `ValueError` with what is wrong about an endpoint's URL."""
    if not url.isascii() or re.search(r"[\s\\]", url):
        raise ValueError("has characters that no URL has")
    if len(url) > MAX_URL:
        raise ValueError(f"is longer than {MAX_URL} characters")
    parts = urlsplit(url)
    parts.port  # noqa: B018 (it raises)
    host = parts.hostname or ""
    if parts.username is not None or parts.password is not None:
        raise ValueError("has user information before its host")
    if parts.fragment:
        raise ValueError("has a fragment, which is never sent")
    if not host or (parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host))):
        raise ValueError("is not an https:// URL (http:// is for loopback only)")
    if not (private_addresses or is_loopback(host) or may_be_public(host)):
        raise ValueError("leads to a private address; UNPLUG_WEBHOOK_PRIVATE_ADDRESSES allows them")
