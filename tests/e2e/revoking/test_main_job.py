"""A disconnection through GraphQL ends the tokens at the provider, as real servers say."""

from uuid import UUID

from tests.e2e.client import User
from tests.e2e.revoking.site import Site, disconnect, revocations
from tests.support.servers.oauth import CLIENT, OAuthServer, OidcProvider

USER = UUID(int=1)
STEPS = [
    "ProviderDisconnectionAttempted",
    "ProviderDisconnectionSucceeded",
    "ProviderTokenRevocationAttempted",
    "ProviderTokenRevocationSucceeded",
]


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
