"""What users are told of a provider that has no way, was ended before, or does not confirm."""

from pathlib import Path
from uuid import UUID

from infrastructure.commands.demo.provider import DemoProvider
from tests.e2e.client import User
from tests.e2e.revoking.site import Site, disconnect, revocations
from tests.e2e.serving.test_back_ends import REFRESH, Services
from tests.support.servers.oauth import OidcProvider

USER, OTHER = UUID(int=1), UUID(int=2)
MANAGE = "https://id.example/apps"


def test_access_that_had_ended_is_told_apart(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with DemoProvider() as provider:
        (tmp_path / "demo").write_text(provider.client[1])
        site.catalogue(
            demo={
                "endpoint": f"{provider.url}/revoke",
                "client_id": provider.client[0],
                "client_secret_file": "demo",
                "gone": {"status": [400], "json": {"error": "invalid_token"}},
                "ends": "grant",
            }
        )
        tokens = provider.grant("demo")
        ids = site.connect((USER, "demo", tokens), (OTHER, "demo", tokens))
        with site.serve() as node:
            evidence = [
                disconnect(User(node, user), connection)["evidence"]
                for user, connection in zip((USER, OTHER), ids, strict=True)
            ]
    assert evidence == ["ACCEPTED", "ALREADY_GONE"]


def test_providers_without_a_way_and_outside_the_catalogue(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.catalogue()
    (tmp_path / "providers.toml").write_text(
        f'[schwab]\npreset = "none"\nmanage_url = "{MANAGE}"\n'
    )
    tokens = {"refresh_token": "r-1"}
    schwab, other = site.connect((USER, "schwab", tokens), (USER, "other", tokens))
    with site.serve() as node:
        user = User(node, USER)
        for connection in (schwab, other):
            user.disconnect(connection)
        kinds = [event["__typename"] for event in user.snapshot()["events"]]
        found = revocations(user)
    assert not any("Revocation" in kind for kind in kinds)
    shown = {each: found[each] for each in (schwab, other)}
    assert [(each["status"], each["manageUrl"]) for each in shown.values() if each] == [
        ("NOT_SUPPORTED", MANAGE),
        ("NOT_ATTEMPTED", None),
    ]


def test_tokens_that_come_late_are_revoked_and_not_stored(
    tmp_path: Path, oidc_provider: OidcProvider
) -> None:
    server = oidc_provider.server()
    site = Site(tmp_path)
    site.catalogue(oidc={"endpoint": server.revocation})
    first, late = oidc_provider.grant(), oidc_provider.grant()
    (connection,) = site.connect((USER, "oidc", first))
    with site.serve(SERVICE_ADDRESS="127.0.0.1:0") as node:
        user = User(node, USER)
        disconnect(user, connection)
        with user.following(user.snapshot()["cursor"]) as stream:
            answer = Services(node).post(
                REFRESH,
                {
                    "input": {
                        "connectionId": str(connection),
                        "credentialsVersion": 1,
                        "credentials": {"type": "oauth2", "data": dict(late)},
                    }
                },
            )
            assert answer.json()["data"]["refreshCredentials"] == {
                "__typename": "ConnectionDisconnected",
                "lateCredentials": "REVOKING",
            }
            assert [event["__typename"] for event in stream.take(2)] == [
                "ProviderTokenRevocationAttempted",
                "ProviderTokenRevocationSucceeded",
            ]
    assert server.refresh(late["refresh_token"]) == "invalid_grant"
