"""The API on a script: for what a real server doesn't do on demand."""

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import httpx
from graphql import build_schema, get_operation_ast, parse, validate
from playwright.async_api import Page, Route, WebSocketRoute
from starlette.applications import Starlette

from infrastructure.web.page import PageContent, page_routes

ORIGIN = "http://unplug.test"
TOKEN = "token-1"
SCHEMA = build_schema((Path(__file__).parents[4] / "schema" / "schema.graphql").read_text())
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PROVIDERS = ["schwab", "fidelity", "wells-fargo", "vanguard", "coinbase"]

Json: TypeAlias = dict[str, Any]
Answer: TypeAlias = Json | Callable[[], Awaitable[Json | None]] | None
"""A response's JSON, or what gives it; None is a connection that breaks."""


class ScriptedApi:
    """One user's connections and log, on every transport that the page uses.

    `next_answers[operation]` are used up before it answers by itself, `endings` before it follows.
    """

    def __init__(self, content: PageContent | None = None) -> None:
        self.connections: list[Json] = []
        self.events: list[Json] = []
        self.tokens = {TOKEN}
        self.operations: list[tuple[str, Json]] = []
        self.next_answers: defaultdict[str, list[Answer]] = defaultdict(list)
        self.endings: list[str | int] = []
        self.silent = False
        self.unrevoked: Json = {}
        """Of `revocation` where there is no way to end access."""
        self.streams: dict[WebSocketRoute, str] = {}
        self._generation = 0
        self._web = httpx.AsyncClient(
            transport=httpx.ASGITransport(Starlette(routes=page_routes(content or PageContent()))),
            base_url=ORIGIN,
        )

    async def serve(self, page: Page) -> None:
        """Answers everything that the page asks for."""
        await page.route(f"{ORIGIN}/**", self._http)
        await page.route_web_socket(f"{ORIGIN.replace('http', 'ws')}/graphql", self._socket)

    def connect(self, slug: str, alias: str | None = None, status: str = "ACTIVE") -> str:
        """A connection of the user's; returns its id."""
        number = len(self.connections) + 1
        at = (START - timedelta(days=90 - 7 * number)).isoformat()
        self.connections.append(
            {
                "id": str(UUID(int=number)),
                "provider": {"id": str(UUID(int=1000 + number)), "slug": slug},
                "alias": alias,
                "status": status,
                "connectedAt": None if status == "PENDING" else at,
                "disconnectedAt": at if status == "DISCONNECTED" else None,
                "lastSyncAt": (START - timedelta(hours=number)).isoformat(),
                "expiresAt": None,
                "createdAt": at,
                "updatedAt": at,
                "revocation": None,
            }
        )
        return str(UUID(int=number))

    def happen(self, kind: str, connection_id: str, attempt: int, **fields: object) -> Json:
        """An event, recorded and sent to all followers."""
        position = len(self.events) + 1
        known = next((c for c in self.connections if c["id"] == connection_id), None)
        event = {
            "__typename": kind if kind.startswith("Provider") else f"ProviderDisconnection{kind}",
            "id": str(UUID(int=10_000 + position)),
            "position": position,
            "cursor": self._cursor(position),
            "occurredAt": (START + timedelta(minutes=position)).isoformat(),
            "attemptId": str(UUID(int=100_000 + attempt)),
            "connectionId": connection_id,
            "provider": known and known["provider"],
            **fields,
        }
        if kind == "Succeeded" and known is not None:
            known["status"] = "DISCONNECTED"
            known["disconnectedAt"] = known["disconnectedAt"] or event["occurredAt"]
            known["revocation"] = self.revocation(event, "NOT_ATTEMPTED") | self.unrevoked
        self.events.append(event)
        self.send(event)
        return event

    def revoke(self, kind: str, connection_id: str, attempt: int, **fields: object) -> None:
        """A step of ending the access at the provider, which the connection shows as well."""
        event = self.happen(f"ProviderTokenRevocation{kind}", connection_id, attempt, **fields)
        status = fields.get("evidence", "FAILED" if kind == "Failed" else "PENDING")
        connection = next(c for c in self.connections if c["id"] == connection_id)
        connection["revocation"] = self.revocation(event, str(status))

    def revocation(self, event: Json, status: str) -> Json:
        """What became of the access by an event."""
        manage_url = event.get("manageUrl")
        return {"status": status, "since": event["occurredAt"], "manageUrl": manage_url}

    def disconnect(self, connection_id: str, attempt: int) -> None:
        """A whole attempt that succeeds."""
        self.happen("Attempted", connection_id, attempt)
        self.happen("Succeeded", connection_id, attempt)

    def fail(self, connection_id: str, attempt: int, reason: str) -> None:
        """A whole attempt that fails."""
        self.happen("Attempted", connection_id, attempt)
        self.happen("Failed", connection_id, attempt, reason=reason, message="For people.")

    def send(self, event: Json) -> None:
        """Sends an event to all followers, also to those that have seen it."""
        for socket, number in self.streams.items():
            payload = {"data": {"providerEvents": event}}
            _tell(socket, type="next", id=number, payload=payload)

    async def cut(self, code: int = 1012, reason: str = "Service Restart") -> None:
        """Closes every stream."""
        sockets, self.streams = list(self.streams), {}
        for socket in sockets:
            await socket.close(code=code, reason=reason)

    def replace_history(self) -> None:
        """A restore: the cursors that were given out are of a history that is no more."""
        self._generation += 1
        for event in self.events:
            event["cursor"] = self._cursor(event["position"])

    def _cursor(self, position: int) -> str:
        return f"{self._generation}-{position}"

    async def _http(self, route: Route) -> None:
        request = route.request
        if not request.url.endswith("/graphql"):
            file = await self._web.get(request.url)
            headers = dict(file.headers)
            await route.fulfill(status=file.status_code, headers=headers, body=file.content)
            return
        body = json.loads(request.post_data or "{}")
        name, variables = _name(body["query"]), body["variables"]
        self.operations.append((name, variables))
        if request.headers["authorization"].removeprefix("Bearer ") not in self.tokens:
            await route.fulfill(status=401, json=problem("UNAUTHENTICATED"))
            return
        scripted = self.next_answers[name]
        answer = scripted.pop(0) if scripted else self._own_answer(name, variables)
        if callable(answer):
            answer = await answer()
        await (route.abort() if answer is None else route.fulfill(json=answer))

    def _own_answer(self, name: str, variables: Json) -> Json:
        match name:
            case "Snapshot":
                return self.snapshot(variables)
            case "History":
                return self.history(variables)
            case "List":
                return {"data": {"connectedProviders": self._listed(variables)}}
            case "DisconnectAll":
                return self.all_disconnected(variables)
            case "Disconnect":
                return self.disconnected(variables)
            case "LookUp":
                found = [c for c in self.connections if c["id"] == variables["id"]]
                return {"data": {"node": found[0] if found else None}}
        raise ValueError(name)

    def snapshot(self, variables: Json) -> Json:
        """The answer to the page's first query."""
        history = self.history({"last": variables["last"], "before": None})
        connections = self._listed(variables)
        cursor = self._cursor(len(self.events))
        return {
            "data": {**history["data"], "connectedProviders": connections, "eventCursor": cursor}
        }

    def _listed(self, variables: Json) -> Json:
        start = int(variables["after"] or 0)
        end = start + variables["largest"]
        return {
            "edges": [{"node": connection} for connection in self.connections[start:end]],
            "pageInfo": {"hasNextPage": end < len(self.connections), "endCursor": str(end)},
        }

    def history(self, variables: Json) -> Json:
        """A page of events, walking back."""
        before, connection = variables["before"], variables.get("connectionId")
        end = int(before.partition("-")[2]) if before else len(self.events) + 1
        known = [
            event
            for event in self.events
            if event["position"] < end and connection in (None, event["connectionId"])
        ]
        page = known[-variables["last"] :]
        info = {"hasPreviousPage": len(page) < len(known)}
        events = {"edges": [{"node": event} for event in page], "pageInfo": info}
        return {"data": {"providerEvents": events}}

    def disconnected(self, variables: Json) -> Json:
        """Disconnects, and says so."""
        connection_id = variables["input"]["connectionId"]
        self.disconnect(connection_id, attempt=len(self.events))
        connection = next(c for c in self.connections if c["id"] == connection_id)
        return result("DisconnectProviderSuccess", connectedProvider=connection)

    def all_disconnected(self, variables: Json) -> Json:
        """Disconnects everything, when the count is right."""
        remaining = [c["id"] for c in self.connections if c["status"] != "DISCONNECTED"]
        kind, fields = "ConnectionCountChanged", {"count": len(remaining), "message": "For people."}
        if variables["input"]["expectedCount"] == len(remaining):
            for connection_id in remaining:
                self.happen("Attempted", connection_id, len(self.events), initiator="USER")
                self.happen("Succeeded", connection_id, len(self.events) - 1)
            kind, fields = "DisconnectAllProvidersSuccess", {"disconnected": len(remaining)}
        return {"data": {"disconnectAllProviders": {"__typename": kind, "failed": 0, **fields}}}

    async def _socket(self, socket: WebSocketRoute) -> None:
        async def message(text: str | bytes) -> None:
            if self.silent:
                return
            told = json.loads(text)
            match told["type"]:
                case "connection_init":
                    token = told["payload"]["authorization"].removeprefix("Bearer ")
                    if token not in self.tokens:
                        await socket.close(code=4403, reason="Forbidden")
                    else:
                        _tell(socket, type="connection_ack")
                case "subscribe":
                    await self._subscribe(socket, told)
                case "ping":
                    _tell(socket, type="pong")

        socket.on_message(message)

    async def _subscribe(self, socket: WebSocketRoute, told: Json) -> None:
        variables = told["payload"]["variables"]
        self.operations.append((_name(told["payload"]["query"]), variables))
        generation, _, position = variables["after"].partition("-")
        ending = self.endings.pop(0) if self.endings else None
        if isinstance(ending, int):
            await socket.close(code=ending)
        elif ending or int(generation) != self._generation:
            errors = problem(ending or "INVALID_CURSOR")["errors"]
            _tell(socket, type="error", id=told["id"], payload=errors)
        else:
            self.streams[socket] = told["id"]
            for event in self.events[int(position) :]:
                payload = {"data": {"providerEvents": event}}
                _tell(socket, type="next", id=told["id"], payload=payload)


def result(kind: str, **fields: object) -> Json:
    """A member of `DisconnectProviderResult`."""
    attempt_id = str(UUID(int=1))
    return {"data": {"disconnectProvider": {"__typename": kind, "attemptId": attempt_id} | fields}}


def problem(code: str) -> Json:
    """An error of a request."""
    return {"errors": [{"message": "For people.", "extensions": {"code": code}}]}


def _name(query: str) -> str:
    """The operation's name; the real API's schema must take the document."""
    document = parse(query)
    assert validate(SCHEMA, document) == []
    operation = get_operation_ast(document)
    assert operation is not None
    assert operation.name is not None
    return operation.name.value


def _tell(socket: WebSocketRoute, **message: object) -> None:
    socket.send(json.dumps(message))
