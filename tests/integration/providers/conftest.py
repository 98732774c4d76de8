"""Real authorization servers, shared by the tests of this folder."""

from collections.abc import Iterator

import pytest
from pytest_iam import Server, iam_configuration, iam_server, iam_server_port

from tests.support.servers.oauth import OAuthServer, OidcProvider, on_pytest_iam

__all__ = ["iam_configuration", "iam_server", "iam_server_port"]


@pytest.fixture(scope="session")
def oidc_provider() -> Iterator[OidcProvider]:
    """A server that ends whole grants."""
    with OidcProvider() as provider:
        yield provider


@pytest.fixture(scope="session", params=["pytest-iam", "oidc-provider"])
def oauth_server(request: pytest.FixtureRequest) -> OAuthServer:
    """Each of the servers."""
    if request.param == "pytest-iam":
        iam: Server = request.getfixturevalue("iam_server")
        return on_pytest_iam(iam)
    oidc: OidcProvider = request.getfixturevalue("oidc_provider")
    return oidc.server()
