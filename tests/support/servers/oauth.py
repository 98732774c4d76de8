"""Real authorization servers on the loopback: they give tokens, end them, and say what is left."""

import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.node import NODE, install
from tests.support.servers.process import free_port, wait_until

CLIENT = ("the-client", "a secret of the client, 32 bytes or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthServer:
    """Endpoints by RFC 6749, 7009 and 7662, of which `CLIENT` is a client.

    `grant` gives the tokens of a new grant of the server's user.
    """

    name: str
    token: str
    revocation: str
    introspection: str
    grant: Callable[[], Mapping[str, str]]

    def is_active(self, token: str) -> bool:
        """What introspection says of a token (RFC 7662)."""
        response = httpx.post(self.introspection, data={"token": token}, auth=CLIENT)
        response.raise_for_status()
        return bool(response.json()["active"])

    def refresh(self, refresh_token: str) -> str | None:
        """The error that a refresh ends with (RFC 6749, section 5.2); None when it gave tokens."""
        asked = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        members: Mapping[str, Any] = httpx.post(self.token, data=asked, auth=CLIENT).json()
        return None if members.get("access_token") else str(members["error"])


class PytestIam:
    """Canaille and Authlib, in a thread of the test's process: a refresh token's end is the end of
    the access token that was given with it."""

    def __enter__(self) -> Self:
        # It takes most of a second, and few tests need it.
        from canaille import create_app
        from canaille.backends import Backend
        from pytest_iam import Server

        os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
        port = free_port()
        configuration = {
            "TESTING": True,
            "ENV_FILE": None,
            "SECRET_KEY": CLIENT[1],
            "WTF_CSRF_ENABLED": False,
            "PREFERRED_URL_SCHEME": "http",
            "SERVER_NAME": f"localhost:{port}",
            "CANAILLE": {"DATABASE": "memory", "LOGGING": {"version": 1}},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [_signing_key()]},
        }
        app = create_app(config=configuration, env_file=None)
        self._server = Server(app, port, Backend.instance)
        self._thread = threading.Thread(target=self._server.httpd.serve_forever, args=(0.05,))
        self._thread.start()
        self._client = self._registered()
        self._user = self._server.random_user()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.httpd.shutdown()
        self._server.httpd.server_close()
        self._thread.join()

    def server(self) -> OAuthServer:
        """Its endpoints."""
        return OAuthServer(
            name="pytest-iam",
            token=f"{self._server.url}oauth/token",
            revocation=f"{self._server.url}oauth/revoke",
            introspection=f"{self._server.url}oauth/introspect",
            grant=self.grant,
        )

    def grant(self) -> Mapping[str, str]:
        """Tokens of a new grant."""
        token = self._server.random_token(self._user, self._client)
        return {"refresh_token": token.refresh_token, "access_token": token.access_token}

    def _registered(self) -> Any:  # noqa: ANN401 (the backend makes the class)
        identifier, secret = CLIENT
        with self._server.app.app_context():
            client = self._server.models.Client(
                client_id=identifier,
                client_secret=secret,
                client_name=identifier,
                redirect_uris=["https://app.example/callback"],
                grant_types=["authorization_code", "refresh_token"],
                response_types=["code"],
                scope=["profile", "offline_access"],
                token_endpoint_auth_method="client_secret_basic",
                client_id_issued_at=datetime.now(UTC),
            )
            client.audience = [client]
            self._server.backend.save(client)
        return client


def _signing_key() -> Mapping[str, Any]:
    from joserfc.jwk import JWKRegistry

    key = JWKRegistry.generate_key("RSA", 2048)
    key.ensure_kid()
    return key.as_dict(private=True)


class OidcProvider:
    """npm's oidc-provider in Node.js: the end of any token is the end of its grant's tokens."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [NODE, "oidc-provider.js", *CLIENT],
            cwd=install(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        self._url = self._process.stdout.readline().decode().strip()
        wait_until(lambda: bool(self._url), self._process)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def server(self) -> OAuthServer:
        """Its endpoints."""
        return OAuthServer(
            name="oidc-provider",
            token=f"{self._url}/token",
            revocation=f"{self._url}/token/revocation",
            introspection=f"{self._url}/token/introspection",
            grant=self.grant,
        )

    def grant(self, of: str | None = None) -> Mapping[str, str]:
        """Tokens of a new grant, or of the grant that an earlier answer names."""
        params = {} if of is None else {"of": of}
        answer: Mapping[str, str] = httpx.post(f"{self._url}/grants", params=params).json()
        return answer
