"""A back end in Python: connect, read before a sync, refresh, report, move an existing table."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx

CONNECT = """mutation Connect($input: ConnectProviderInput!) {
  connectProvider(input: $input) {
    __typename
    ... on ConnectProviderSuccess { created verify connection { id credentialsVersion } }
    ... on Error { message }
  }
}"""
CREDENTIALS = """query Credentials($connectionId: ID!) {
  credentials(connectionId: $connectionId) {
    __typename
    ... on Credentials { type data expiresAt credentialsVersion }
    ... on Error { message }
  }
}"""
REFRESH = """mutation Refresh($input: RefreshCredentialsInput!) {
  refreshCredentials(input: $input) {
    __typename
    ... on RefreshCredentialsSuccess { connection { credentialsVersion } }
    ... on ConnectionDisconnected { lateCredentials }
    ... on Error { message }
  }
}"""
REPORT = """mutation Report($input: ReportAccessLostInput!) {
  reportAccessLost(input: $input) { __typename ... on Error { message } }
}"""
RECORD_SYNC = """mutation RecordSync($input: RecordSyncInput!) {
  recordSync(input: $input) { __typename ... on Error { message } }
}"""

PAUSES = (0.2, 1.0, 5.0)
LONG = (*PAUSES, *[15.0] * 40)
"""Ten minutes, for tokens that exist nowhere else."""

RETRIED = {"SERVICE_UNAVAILABLE", "INTERNAL_SERVER_ERROR", "RATE_LIMITED"}

Json = dict[str, Any]


class Unavailable(Exception):
    """Unplug could not be asked, or did not confirm. Run the job again later."""


class Unplug:
    """The service API. `token` gives a service's token, fresh enough to be accepted."""

    def __init__(self, url: str, token: Callable[[], str], http: httpx.AsyncClient) -> None:
        self._url = url
        self._token = token
        self._http = http

    async def call(self, document: str, variables: Json, pauses: Sequence[float] = PAUSES) -> Json:
        """The result of an operation with one field.

        Everything here may be repeated, so a lost answer is not a failure: it is asked again.
        Raises `Unavailable`, and `RuntimeError` with a code that another try can't help.
        """
        for pause in (*pauses, None):
            answer = await self._post({"query": document, "variables": variables})
            if answer.get("data"):
                (result,) = answer["data"].values()
                if result["__typename"] != "CommandFailed":
                    return dict(result)
            elif errors := answer.get("errors"):
                code = errors[0]["extensions"]["code"]
                if code not in RETRIED:
                    raise RuntimeError(code)
            if pause is not None:
                await asyncio.sleep(pause)
        raise Unavailable

    async def _post(self, body: Json) -> Json:
        headers = {"authorization": f"Bearer {self._token()}"}
        try:
            response = await self._http.post(self._url, json=body, headers=headers, timeout=15)
            answer: Json = response.json()
        except (httpx.TransportError, ValueError):  # no answer, or one of a proxy
            return {}
        return answer


async def replace(unplug: Unplug, connection_id: str, current: Json, tokens: Json) -> Json:
    """Hands in new tokens for the current credentials."""
    return await unplug.call(
        REFRESH,
        {
            "input": {
                "connectionId": connection_id,
                "credentialsVersion": current["credentialsVersion"],
                "credentials": {
                    "type": current["type"],
                    "data": {**current["data"], **tokens},
                    "expiresAt": tokens["expires_at"],
                },
            }
        },
        LONG,
    )


class AccessDenied(Exception):
    """The provider does not accept an access token (401)."""


class InvalidGrant(Exception):
    """The provider does not accept a refresh token (`invalid_grant`, RFC 6749, section 5.2)."""


class Provider(Protocol):
    """What an integration does at its provider."""

    async def refresh(self, data: Json) -> Json:
        """New credentials for old ones. Raises `InvalidGrant`."""

    async def fetch(self, data: Json) -> None:
        """Fetches data. Raises `AccessDenied`."""


Lock = Callable[[str], AbstractAsyncContextManager[object]]
"""One holder per connection among all workers, such as PostgreSQL's `pg_advisory_lock`."""


async def connected(unplug: Unplug, flow: Mapping[str, str], tokens: Json) -> str:
    """Registers what the OAuth callback got; returns the connection's id.

    `flow` was stored when the user was sent to the provider, with an `attempt_id` made then: a
    callback that is handled twice makes one connection. Raises `RuntimeError` when the connection
    that was to be renewed has been disconnected in the meantime.
    """
    result = await unplug.call(
        CONNECT,
        {
            "input": {
                "attemptId": flow["attempt_id"],
                "userId": flow["user_id"],
                "provider": {"id": flow["provider_id"], "slug": flow["provider_slug"]},
                "providerAccountId": tokens.get("account_id"),
                "credentials": {
                    "type": "oauth2",
                    "data": tokens,
                    "expiresAt": tokens["expires_at"],
                },
            }
        },
        LONG,
    )
    if result["__typename"] != "ConnectProviderSuccess":
        raise RuntimeError(result["__typename"])
    return str(result["connection"]["id"])


async def credentials(unplug: Unplug, connection_id: str) -> Json | None:
    """The current credentials; None when there are none, most often after a disconnect."""
    result = await unplug.call(CREDENTIALS, {"connectionId": connection_id})
    return result if result["__typename"] == "Credentials" else None


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Syncs connections of one provider."""

    unplug: Unplug
    provider: Provider
    lock: Lock

    async def sync(self, connection_id: str) -> bool:
        """Fetches data once; False when there is no access any more."""
        current = await credentials(self.unplug, connection_id)
        if current is not None and expired(current):
            current = await self.refreshed(connection_id, current)
        if current is None:
            return False
        started = datetime.now(UTC)
        try:
            await self.provider.fetch(current["data"])
        except AccessDenied:
            current = await self.refreshed(connection_id, current)
            if current is None:
                return False
            await self.provider.fetch(current["data"])
        done = {"connectionId": connection_id, "at": started.isoformat()}
        await self.unplug.call(RECORD_SYNC, {"input": done})
        return True

    async def refreshed(self, connection_id: str, used: Json) -> Json | None:
        """Credentials newer than the ones used; None when access has ended.

        Only one worker at a time refreshes a connection: many providers end a refresh token when
        it is used twice.
        """
        async with self.lock(connection_id):
            current = await credentials(self.unplug, connection_id)
            if current is None or current["credentialsVersion"] != used["credentialsVersion"]:
                return current  # disconnected, or refreshed by another worker meanwhile
            try:
                tokens = await self.provider.refresh(current["data"])
            except InvalidGrant:
                await self._report(connection_id, current["credentialsVersion"])
                return None
            result = await replace(self.unplug, connection_id, current, tokens)
            match result["__typename"]:
                case "RefreshCredentialsSuccess" | "CredentialsChanged":
                    # "Changed" may mean that these were stored, and that the answer was lost.
                    return await credentials(self.unplug, connection_id)
                case _:  # disconnected: Unplug has taken care of the late credentials
                    return None

    async def _report(self, connection_id: str, version: int) -> None:
        """Says that these credentials are no longer accepted.

        A report about credentials that were renewed meanwhile changes nothing: it is about another
        version.
        """
        lost = {"connectionId": connection_id, "credentialsVersion": version, "status": "REVOKED"}
        await self.unplug.call(REPORT, {"input": lost})


def expired(current: Json) -> bool:
    """Whether an access token is worth no try."""
    at = current["expiresAt"]
    return at is not None and datetime.fromisoformat(at) <= datetime.now(UTC)


async def move(
    unplug: Unplug,
    connection_id: str,
    lock: Lock,
    read: Callable[[str], Awaitable[Json]],
    mark_moved: Callable[[str], Awaitable[None]],
) -> None:
    """Makes Unplug the owner of an imported connection's credentials.

    Takes the lock that every refresh takes, so no refresh is under way. `read` gives the old
    table's tokens, which may be newer than those that were imported; `mark_moved` commits that
    Unplug has them. May be repeated.
    """
    async with lock(connection_id):
        current = await credentials(unplug, connection_id)
        tokens = await read(connection_id)
        if current is not None and current["data"] != tokens:
            result = await replace(unplug, connection_id, current, tokens)
            if result["__typename"] == "CredentialsChanged":
                current = await credentials(unplug, connection_id)
                if current is not None and current["data"] != tokens:
                    raise RuntimeError("a refresh did not take the lock")
        await mark_moved(connection_id)
