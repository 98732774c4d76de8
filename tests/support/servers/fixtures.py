"""Servers that the tests of a run share, gone when it ends."""

from collections.abc import Iterator

import pytest

from tests.support.servers.nats import NatsServer
from tests.support.servers.oauth import OAuthServer, OidcProvider, PytestIam
from tests.support.servers.pgbouncer import PgBouncer
from tests.support.servers.postgres import PostgresServer


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """Shared by the tests of a run; a test that stops it starts it again."""
    server = NatsServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Shared by the tests of a run; a test that stops it starts it again."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def pgbouncer(postgres_server: PostgresServer) -> Iterator[PgBouncer]:
    """In front of that server. Skips where it isn't installed."""
    if PgBouncer.program() is None:
        pytest.skip("pgbouncer is not installed; it is in your system's package of that name")
    proxy = PgBouncer(postgres_server)
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of the test's own."""
    name = f"test_{abs(hash(request.node.nodeid)):x}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def iam() -> Iterator[OAuthServer]:
    """A server on which a refresh token's end is that of its access token."""
    with PytestIam() as provider:
        yield provider.server()


@pytest.fixture(scope="session")
def oidc_provider() -> Iterator[OidcProvider]:
    """A server that ends whole grants."""
    with OidcProvider() as provider:
        yield provider


@pytest.fixture(scope="session", params=["pytest-iam", "oidc-provider"])
def oauth_server(request: pytest.FixtureRequest) -> OAuthServer:
    """Each of the two."""
    if request.param == "pytest-iam":
        iam: OAuthServer = request.getfixturevalue("iam")
        return iam
    oidc: OidcProvider = request.getfixturevalue("oidc_provider")
    return oidc.server()
