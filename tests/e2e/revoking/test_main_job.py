"""Tokens of a connection that ends, or begins again, end at the provider, as real servers say."""

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from uuid_utils.compat import uuid7

from tests.e2e.client import Stream, User
from tests.e2e.revoking import client
from tests.e2e.revoking.site import Site, disconnect, revocations
from tests.e2e.serving.test_back_ends import CONNECT, Services
from tests.support.processes import Server, running
from tests.support.servers.oauth import CLIENT, OAuthServer, OidcProvider

USER = UUID(int=1)
STEPS = [
    "ProviderDisconnectionAttempted",
    "ProviderDisconnectionSucceeded",
    "ProviderTokenRevocationAttempted",
    "ProviderTokenRevocationSucceeded",
]
BEGUN = ["ProviderConnected", "ProviderTokenRevocationAttempted"]


def test_tokens_end_at_the_provider(
    site: Site, iam: OAuthServer, oidc_provider: OidcProvider
) -> None:
    servers = {"iam": iam, "oidc": oidc_provider.server()}
    site.catalogue(**{slug: {"endpoint": each.revocation} for slug, each in servers.items()})
    tokens = {slug: server.grant() for slug, server in servers.items()}
    ids = site.connect(*((USER, slug, tokens[slug]) for slug in servers))
    connections = dict(zip(servers, ids, strict=True))
    with site.serve() as node:
        user = User(node, USER)
        assert set(revocations(user).values()) == {None}
        for slug, server in servers.items():
            assert disconnect(user, connections[slug])["evidence"] == "ACCEPTED"
            assert not server.is_active(tokens[slug]["access_token"])
            assert not server.is_active(tokens[slug]["refresh_token"])
            assert server.refresh(tokens[slug]["refresh_token"]) == "invalid_grant"
        events = user.snapshot()["events"]
        assert [event["__typename"] for event in events] == STEPS * 2
        assert len({event["attemptId"] for event in events}) == 4
        for event in (events[3], events[7]):
            known = revocations(user)[UUID(event["connectionId"])]
            assert known == {
                "status": "ACCEPTED",
                "since": event["occurredAt"],
                "manageUrl": None,
            }
    secrets = {CLIENT[1], *(token for each in tokens.values() for token in each.values())}
    assert not any(secret in str(node.log) for secret in secrets)


def test_a_shared_grant_ends_with_the_last_connection(
    site: Site, oidc_provider: OidcProvider
) -> None:
    server = oidc_provider.server()
    site.catalogue(oidc={"endpoint": server.revocation, "ends": "grant"})
    tokens = oidc_provider.grant()
    siblings = oidc_provider.grant(of=tokens["grant"])
    first, last = site.connect((USER, "oidc", tokens), (USER, "oidc", siblings))
    with site.serve() as node:
        user = User(node, USER)
        kept = disconnect(user, first)
        assert (kept["__typename"], kept["reason"]) == (
            "ProviderTokenRevocationFailed",
            "SHARED_GRANT",
        )
        assert server.refresh(siblings["refresh_token"]) is None
        assert disconnect(user, last)["evidence"] == "ACCEPTED"
        found = revocations(user)
    assert server.refresh(siblings["refresh_token"]) == "invalid_grant"
    assert not server.is_active(tokens["access_token"])
    assert [found[each]["status"] for each in (first, last)] == ["SHARED_GRANT", "ACCEPTED"]  # type: ignore[index] # both are there


def test_a_grant_outlives_a_revocation_that_was_pending_when_it_was_connected_again(
    tmp_path: Path, oidc_provider: OidcProvider
) -> None:
    site, server = Site(tmp_path), oidc_provider.server()
    site.catalogue(oidc={"endpoint": server.revocation, "ends": "grant"})
    tokens = oidc_provider.grant()
    siblings = oidc_provider.grant(of=tokens["grant"])
    (first,) = site.connect((USER, "oidc", tokens))
    with site.serve():
        pass  # it has the provider in its catalogue
    with running(tmp_path, SERVICE_ADDRESS="127.0.0.1:0") as node:  # this one hasn't
        User(node, USER).disconnect(first)
        command = {
            "userId": str(USER),
            "provider": {"id": str(UUID(int=1)), "slug": "oidc"},
            "credentials": {"type": "oauth2", "data": dict(siblings)},
            "attemptId": str(uuid7()),
        }
        again = Services(node).data(CONNECT, input=command)["connection"]["id"]
    with site.serve() as node:
        user = User(node, USER)
        assert client.User(USER).settled(node, first)["status"] == "SHARED_GRANT"
        assert server.is_active(siblings["access_token"])
        assert disconnect(user, UUID(again))["evidence"] == "ACCEPTED"
    assert server.refresh(siblings["refresh_token"]) == "invalid_grant"


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
