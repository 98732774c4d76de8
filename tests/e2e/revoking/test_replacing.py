"""A connection begins again: the tokens that it had end, and those that it has now work."""

from collections.abc import Mapping
from uuid import UUID

from uuid_utils.compat import uuid7

from tests.e2e.client import Stream, User
from tests.e2e.revoking.site import Site, disconnect, revocations
from tests.e2e.serving.test_back_ends import CONNECT, Services
from tests.support.processes import Server
from tests.support.servers.oauth import OAuthServer, OidcProvider

USER = UUID(int=1)
BEGUN = ["ProviderConnected", "ProviderTokenRevocationAttempted"]


def connect_again(node: Server, id_: UUID, slug: str, tokens: Mapping[str, str]) -> None:
    command = {
        "userId": str(USER),
        "provider": {"id": str(UUID(int=1)), "slug": slug},
        "connectionId": str(id_),
        "credentials": {"type": "oauth2", "data": dict(tokens)},
        "attemptId": str(uuid7()),
    }
    connected = Services(node).data(CONNECT, input=command)["connection"]
    assert (connected["id"], connected["status"]) == (str(id_), "ACTIVE")


def kinds(stream: Stream, count: int) -> list[str]:
    return [event["__typename"] for event in stream.take(count)]


def test_replaced_tokens_end_at_the_provider(
    site: Site, iam: OAuthServer, oidc_provider: OidcProvider
) -> None:
    oidc = oidc_provider.server()
    site.catalogue(
        iam={"endpoint": iam.revocation}, oidc={"endpoint": oidc.revocation, "ends": "grant"}
    )
    old, new, whole = iam.grant(), iam.grant(), oidc_provider.grant()
    first, second = site.connect((USER, "iam", old), (USER, "oidc", whole))
    with site.serve(SERVICE_ADDRESS="127.0.0.1:0") as node:
        user = User(node, USER)
        with user.following(user.snapshot()["cursor"]) as stream:
            connect_again(node, first, "iam", new)
            assert kinds(stream, 2) == BEGUN
            (ended,) = stream.take(1)
            assert (ended["evidence"], ended["connectionId"]) == ("ACCEPTED", str(first))
            assert iam.refresh(old["refresh_token"]) == "invalid_grant"
            assert not any(map(iam.is_active, old.values()))
            assert all(map(iam.is_active, new.values()))

            connect_again(node, first, "iam", new)  # handed in once more
            assert kinds(stream, 2) == BEGUN
            assert stream.take(1)[0]["reason"] == "SHARED_GRANT"
            assert all(map(iam.is_active, new.values()))

            siblings = oidc_provider.grant(of=whole["grant"])
            connect_again(node, second, "oidc", siblings)
            assert kinds(stream, 1) == BEGUN[:1]
            assert stream.silent()
            assert oidc.refresh(siblings["refresh_token"]) is None
        assert set(revocations(user).values()) == {None}

        assert disconnect(user, first)["evidence"] == "ACCEPTED"
        known = revocations(user)[first]
        assert known is not None
        assert known["status"] == "ACCEPTED"
        assert not any(map(iam.is_active, new.values()))
