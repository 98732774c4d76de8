"""An OAuth provider for the demo alone: it issued the demo user's tokens, and really ends them."""

import json
import secrets
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from infrastructure.commands.demo.provider_page import provider_page
from infrastructure.providers.catalogue import Catalogue
from infrastructure.providers.entry import ProviderEntry

NAME = "Unplug demo provider"
_LARGEST = 65_536
_CLIENT = "unplug-demo"
_POLL = 0.05  # seconds until a stop is noticed


@dataclass(slots=True)
class Grant:
    """What the demo user granted at one provider; all tokens of it end at once."""

    slug: str
    active: bool = True


class DemoProvider:
    """Stands in for every provider of the demo, on a loopback port of its own.

    Its endpoints are `/token`, `/revoke` and `/introspect` (RFC 6749, 7009 and 7662), and `/` shows
    what still works. A context manager. Nothing of it outlives the process.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_urlsafe(24)
        self._grants: dict[str, Grant] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))

    @property
    def url(self) -> str:
        """Where it is, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def client(self) -> tuple[str, str]:
        """Id and secret of its one client."""
        return _CLIENT, self._secret

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(_POLL,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def grant(self, slug: str) -> Mapping[str, str]:
        """The tokens of a new grant, as the data of credentials."""
        grant = Grant(slug)
        return {kind: self._token(grant) for kind in ("refresh_token", "access_token")}

    def catalogue(self) -> Catalogue:
        """How the providers that it stands in for end access."""
        identifier, secret = self.client
        entry = ProviderEntry.model_validate(
            {
                "endpoint": f"{self.url}/revoke",
                "client_auth": "basic",
                "client_id": identifier,
                "client_secret": secret,
                "fields": {"token": "{token}"},
                "success": {"status": [200]},
                "gone": {"status": [400], "json": {"error": "invalid_token"}},
                "ends": "grant",
            }
        )
        return Catalogue(dict.fromkeys({grant.slug for grant in self._grants.values()}, entry))

    def page(self) -> str:
        """HTML that shows each grant once."""
        with self._lock:
            grants = {id(grant): grant for grant in self._grants.values()}.values()
        return provider_page(NAME, [(grant.slug, grant.active) for grant in grants])

    def answer(self, path: str, form: Mapping[str, str]) -> tuple[int, Mapping[str, object]]:
        """To the client: a status and JSON."""
        with self._lock:
            match path:
                case "/introspect":
                    grant = self._grants.get(form.get("token", ""))
                    return 200, {"active": grant is not None and grant.active}
                case "/revoke":
                    grant = self._grants.get(form.get("token", ""))
                    if grant is None or not grant.active:
                        return 400, {"error": "invalid_token"}
                    grant.active = False
                    return 200, {}
                case "/token":
                    grant = self._grants.get(form.get("refresh_token", ""))
                    if grant is None or not grant.active:
                        return 400, {"error": "invalid_grant"}
                    return 200, {"access_token": self._token(grant), "token_type": "Bearer"}
        return 404, {}

    def _token(self, grant: Grant) -> str:
        token = secrets.token_urlsafe(24)
        self._grants[token] = grant
        return token


class _Handler(BaseHTTPRequestHandler):
    server_version = NAME.replace(" ", "-")
    sys_version = ""
    timeout = 10

    def __init__(self, provider: DemoProvider, *connection: Any) -> None:  # noqa: ANN401 (sockets)
        self._provider = provider
        super().__init__(*connection)

    def do_GET(self) -> None:
        if self.path == "/":
            self._send(200, "text/html; charset=utf-8", self._provider.page().encode())
        else:
            self._json(404, {})

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _LARGEST:
            return self._json(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {})
        form = dict(parse_qsl(self.rfile.read(int(length)).decode("utf-8", "replace")))
        pair = ":".join(self._provider.client).encode()
        presented = self.headers.get("authorization", "").encode()
        if not secrets.compare_digest(presented, b"Basic " + b64encode(pair)):
            return self._json(401, {"error": "invalid_client"})
        return self._json(*self._provider.answer(self.path, form))

    def log_message(self, *_: object) -> None:
        """Nothing: the demo's terminal is for what Unplug prints."""

    def _json(self, status: int, members: Mapping[str, object]) -> None:
        self._send(status, "application/json", json.dumps(members).encode())

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
