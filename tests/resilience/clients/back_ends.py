"""Back ends that connect, refresh and report, and what they were answered."""

import asyncio
import json
import math
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx
import jwt
from uuid_utils.compat import uuid7

from tests.resilience.clients.commands import FAULT, kind_of_error
from tests.resilience.population import Population
from tests.support.processes import SECRET, Server
from tests.support.secrecy import CREDENTIAL

ANSWER_WITHIN = 15.0
PAUSE = 0.2
WORKERS = 3
ACCOUNTS = 6
"""Accounts of each user that are connected by their ids, again and again."""
TRIES = 3
CONNECT = """mutation ($input: ConnectProviderInput!) { result: connectProvider(input: $input) {
  __typename ... on ConnectProviderSuccess { connection { id credentialsVersion } } } }"""
REFRESH = """mutation ($input: RefreshCredentialsInput!) {
  result: refreshCredentials(input: $input) { __typename
    ... on RefreshCredentialsSuccess { connection { id credentialsVersion } }
    ... on CredentialsChanged { credentialsVersion } } }"""
REPORT = """mutation ($input: ReportAccessLostInput!) {
  result: reportAccessLost(input: $input) { __typename
    ... on CredentialsChanged { credentialsVersion } } }"""
READ = """query ($id: ID!) { result: credentials(connectionId: $id) {
  __typename ... on Credentials { data credentialsVersion } } }"""
SCOPES = "connections:write connections:disconnect credentials:read"
PROVIDER = {"id": str(UUID(int=1)), "slug": "schwab"}


class BackEnds:
    """Sync workers of the app, each at a steady rate, on any node.

    `accepted` are the credentials of each version of a connection that a command was told to be
    stored; `broken` is what must not be answered.
    """

    def __init__(self, nodes: list[Server], population: Population, chance: random.Random) -> None:
        self.outcomes: Counter[str] = Counter()
        self.accepted: dict[UUID, dict[int, str]] = {}
        self.broken: list[str] = []
        self._nodes = nodes
        self._population = population
        self._chance = chance
        self._known: dict[UUID, int] = {}
        self._valid_from = 0.0
        self._workers: list[asyncio.Task[None]] = []
        self._http = httpx.AsyncClient(timeout=ANSWER_WITHIN)

    def start(self) -> None:
        self._workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def pause(self) -> None:
        """No new commands; one that was sent may have been carried out."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def burst(self, size: int) -> None:
        """Many at once."""
        await asyncio.gather(*(self._command() for _ in range(size)))

    async def at_once(self, user_id: UUID, connection_id: UUID) -> None:
        """Two refreshes, a report and a new authorization of one connection."""
        await asyncio.gather(
            self._refresh(connection_id),
            self._refresh(connection_id),
            self._report(connection_id),
            self._connect(user_id, {"connectionId": str(connection_id)}),
        )

    async def aclose(self) -> None:
        await self.pause()
        await self._http.aclose()

    def doubt(self) -> None:
        """Until `forget`, no answer says what is stored."""
        self._valid_from = math.inf

    def forget(self) -> None:
        """What was answered so far, or is answered to a command that was sent before, is void."""
        self._valid_from = asyncio.get_running_loop().time()
        self._known.clear()
        self.accepted.clear()

    async def compare(self) -> list[str]:
        """What differs between the credentials that are stored and those that were accepted."""
        differences = await asyncio.gather(*map(self._difference, self.accepted))
        return self.broken + [found for found in differences if found]

    async def _work(self) -> None:
        while True:
            await self._command()
            await asyncio.sleep(PAUSE * self._chance.uniform(0.5, 1.5))

    async def _command(self) -> None:
        user_id, connection_id = self._population.pick_served(self._chance)
        command = self._chance.choice((self._refresh, self._refresh, self._report))
        if self._chance.random() < 0.75:
            await command(connection_id)
        else:
            account = f"account-{self._chance.randrange(ACCOUNTS)}"
            target = self._chance.choice(
                [{"connectionId": str(connection_id)}, {"providerAccountId": account}]
            )
            await self._connect(user_id, target)

    async def _connect(self, user_id: UUID, target: Mapping[str, str]) -> None:
        """A connection by its id, or an account by its own; the same attempt until an answer."""
        token = str(uuid7())
        given = {"userId": str(user_id), "provider": PROVIDER, "attemptId": str(uuid7()), **target}
        for number in range(TRIES):
            sent = asyncio.get_running_loop().time()
            answer = await self.answer(CONNECT, given | {"credentials": credentials(token)})
            if answer is None:
                continue
            if answer["__typename"] == "ConnectProviderSuccess":
                self._population.served(user_id, UUID(answer["connection"]["id"]))
                # A repeated attempt is answered with the connection as it has become meanwhile.
                self._stored(answer["connection"], token if number == 0 else None, sent)
            return

    async def _refresh(self, connection_id: UUID) -> None:
        token, sent = str(uuid7()), asyncio.get_running_loop().time()
        given = self._version(connection_id) | {"credentials": credentials(token)}
        answer = await self.answer(REFRESH, given)
        if answer is not None and answer["__typename"] == "RefreshCredentialsSuccess":
            self._stored(answer["connection"], token, sent)
            replaced = answer["connection"]["credentialsVersion"] - 1
            if replaced != given["credentialsVersion"] and sent >= self._valid_from:
                self.broken.append(f"a refresh of {connection_id} replaced version {replaced}")
        elif answer is not None and answer["__typename"] == "ConnectionNotActive":
            self.broken.append(f"a refresh of {connection_id} was lost to a report")
        else:
            if (
                answer is not None
                and answer.get("credentialsVersion") == given["credentialsVersion"]
            ):
                self.broken.append(f"a refresh of {connection_id} was lost to nothing")
            self._changed(connection_id, answer)

    async def _report(self, connection_id: UUID) -> None:
        status = self._chance.choice(("EXPIRED", "REVOKED", "FAILED"))
        given = self._version(connection_id) | {"status": status}
        self._changed(connection_id, await self.answer(REPORT, given))

    def _version(self, connection_id: UUID) -> dict[str, Any]:
        version = self._known.get(connection_id, 1)
        return {"connectionId": str(connection_id), "credentialsVersion": version}

    def _changed(self, connection_id: UUID, answer: Mapping[str, Any] | None) -> None:
        if answer is not None and answer["__typename"] == "CredentialsChanged":
            self._known[connection_id] = answer["credentialsVersion"]

    def _stored(self, connection: Mapping[str, Any], token: str | None, sent: float) -> None:
        connection_id, version = UUID(connection["id"]), connection["credentialsVersion"]
        self._known[connection_id] = version
        if token is not None and sent >= self._valid_from:
            other = self.accepted.setdefault(connection_id, {}).setdefault(version, token)
            if other != token:
                self.broken.append(f"two commands made version {version} of {connection_id}")

    async def _difference(self, connection_id: UUID) -> str | None:
        accepted = self.accepted[connection_id]
        answer = await self._read(connection_id)
        if answer is None or answer["__typename"] not in ("Credentials", "ConnectionDisconnected"):
            return f"credentials of {connection_id}: {answer}"
        if answer["__typename"] == "ConnectionDisconnected":
            return None
        version, token = answer["credentialsVersion"], answer["data"]["refresh_token"]
        if version < max(accepted) or accepted.get(version, token) != token:
            return f"{connection_id} has version {version}, accepted were {sorted(accepted)}"
        return None

    async def _read(self, connection_id: UUID) -> Mapping[str, Any] | None:
        """Again when a node was too busy: what is stored counts here, not how soon it is read."""
        for pause in (0.5, 1.0, 2.0):
            answer = await self.answer(READ, {}, id=str(connection_id))
            if answer is not None and answer["__typename"] != "CommandFailed":
                return answer
            await asyncio.sleep(pause)
        return answer

    async def answer(
        self, query: str, given: Mapping[str, Any], **variables: str
    ) -> Mapping[str, Any] | None:
        """The field's result; None when there is none."""
        node = self._chance.choice(self._nodes)
        claims = {"sub": "sync", "exp": 4_000_000_000, "aud": "unplug-service", "scope": SCOPES}
        try:
            response = await self._http.post(
                f"{node.service_url}/graphql",
                json={"query": query, "variables": variables or {"input": given}},
                headers={"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"},
            )
            body = response.json()
            if query != READ and CREDENTIAL in response.text:
                self.broken.append(f"an answer with a credential: {response.text}")
        except httpx.HTTPError:
            self.outcomes["no answer"] += 1
            return None
        except json.JSONDecodeError:
            self.outcomes[FAULT] += 1
            return None
        if "errors" in body:
            self.outcomes[kind_of_error(body)] += 1
            return None
        result: Mapping[str, Any] = body["data"]["result"]
        self.outcomes[result["__typename"]] += 1
        return result


def credentials(token: str) -> Mapping[str, Any]:
    """Of a provider that rotates its refresh tokens."""
    return {"type": "oauth2", "data": {"refresh_token": token, "mark": CREDENTIAL}}
