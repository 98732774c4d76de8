"""Services' tokens are told from users' by their audience, with any signature."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from domain.ports import AccessToken, ServiceCaller
from infrastructure.adapters import service_trust, user_trust
from infrastructure.failures import SettingsError
from infrastructure.security.callers import MAX_NAME_LENGTH
from infrastructure.security.identity import service_tokens, user_tokens, verification_keys
from infrastructure.security.issuing import issue
from infrastructure.settings import Settings, load_settings

USER = str(UUID("0192f0c1-2345-7abc-8def-0123456789ab"))
SECRET, SERVICE_SECRET = "s" * 32, "t" * 32
CLAIMS = {"sub": USER, "aud": "unplug-service", "exp": int(datetime.now(UTC).timestamp()) + 3600}
HOUR = timedelta(hours=1)


async def as_service(token: str, settings: Settings) -> AccessToken[ServiceCaller] | None:
    trust = service_trust(settings)
    async with verification_keys(trust.keys, proxies=False) as keys:
        return await service_tokens(trust, keys).verify(token)


async def is_users(token: str, settings: Settings) -> bool:
    trust = user_trust(settings)
    async with verification_keys(trust.keys, proxies=False) as keys:
        return await user_tokens(trust, keys).verify(token) is not None


async def test_a_services_token_says_its_name_and_what_it_may_do() -> None:
    settings = load_settings(token_secret=SECRET)
    scopes = ["connections:read", "credentials:read"]
    access = await as_service(issue(service_trust(settings), "sync-worker", HOUR, scopes), settings)
    assert access is not None
    assert access.caller == ServiceCaller(name="sync-worker", scopes=frozenset(scopes))
    assert str(access.caller) == "sync-worker"


async def test_neither_takes_the_others_tokens() -> None:
    settings = load_settings(token_secret=SECRET)
    users = issue(user_trust(settings), USER, HOUR)
    services = issue(service_trust(settings), USER, HOUR, ["connections:read"])
    assert await is_users(users, settings)
    assert not await is_users(services, settings)
    assert await as_service(services, settings) is not None
    assert await as_service(users, settings) is None


@pytest.mark.parametrize("audience", ["unplug-service", ["unplug", "unplug-service"]])
async def test_a_token_for_services_among_others_is_no_users_token(audience: object) -> None:
    token = jwt.encode(CLAIMS | {"aud": audience}, SECRET)
    for settings in (
        load_settings(token_secret=SECRET),
        load_settings(token_secret=SECRET, token_audience="unplug"),
    ):
        with capture_logs() as lines:
            assert not await is_users(token, settings)
        assert (lines[0]["callers"], lines[0]["reason"]) == ("users", "audience")


async def test_services_may_have_keys_and_an_audience_of_their_own() -> None:
    settings = load_settings(
        token_secret=SECRET,
        token_issuer="https://id.example",
        service_token_secret=SERVICE_SECRET,
        service_token_audience="vault",
    )
    claims = CLAIMS | {"aud": "vault"}
    assert await as_service(jwt.encode(claims, SERVICE_SECRET), settings) is not None
    assert await as_service(jwt.encode(claims, SECRET), settings) is None
    assert await as_service(jwt.encode(CLAIMS, SERVICE_SECRET), settings) is None


async def test_without_keys_of_their_own_they_have_the_users_issuer_as_well() -> None:
    settings = load_settings(token_secret=SECRET, token_issuer="https://id.example")
    assert await as_service(jwt.encode(CLAIMS, SECRET), settings) is None
    right = jwt.encode(CLAIMS | {"iss": "https://id.example"}, SECRET)
    assert await as_service(right, settings) is not None
    own = load_settings(token_secret=SECRET, service_token_issuer="https://vault.example")
    assert await as_service(right, own) is None
    assert (
        await as_service(jwt.encode(CLAIMS | {"iss": "https://vault.example"}, SECRET), own)
        is not None
    )


async def test_a_public_key_of_the_services() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    settings = load_settings(token_secret=SECRET, service_token_public_key=pem.decode())
    assert await as_service(jwt.encode(CLAIMS, private, "EdDSA"), settings) is not None
    with pytest.raises(SettingsError, match="needed to sign"):
        issue(service_trust(settings), "worker", HOUR, ["connections:read"])


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({}, set()),
        ({"scope": ""}, set()),
        ({"scope": " a  b a "}, {"a", "b"}),
        ({"scope": "a\u00a0b\tc d"}, {"a\u00a0b\tc", "d"}),
    ],
)
async def test_scopes_stand_between_spaces(claims: dict[str, object], scopes: set[str]) -> None:
    settings = load_settings(token_secret=SECRET)
    access = await as_service(jwt.encode(CLAIMS | claims, SECRET), settings)
    assert access is not None
    assert access.caller.scopes == scopes


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"scope": ["connections:read"]}, "scope"),
        ({"scope": None}, "scope"),
        ({"sub": " "}, "subject"),
        ({"sub": "x" * (MAX_NAME_LENGTH + 1)}, "subject"),
        ({"sub": 7}, "subject"),
        ({"aud": "other"}, "audience"),
        ({"aud": None}, "audience"),
    ],
)
async def test_what_is_wrong_stands_in_the_log(claims: dict[str, object], reason: str) -> None:
    settings = load_settings(token_secret=SECRET)
    with capture_logs() as lines:
        assert await as_service(jwt.encode(CLAIMS | claims, SECRET), settings) is None
    assert [(line["callers"], line["reason"]) for line in lines] == [("services", reason)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"token_audience": "unplug-service"}, "UNPLUG_TOKEN_AUDIENCE"),
        ({"token_audience": "a", "service_token_audience": "a"}, "UNPLUG_TOKEN_AUDIENCE"),
        (
            {"service_token_secret": SECRET, "service_token_jwks_url": "https://id.example/keys"},
            "UNPLUG_SERVICE_TOKEN_SECRET or UNPLUG_SERVICE_TOKEN_JWKS_URL",
        ),
        ({"service_token_secret": "short"}, "UNPLUG_SERVICE_TOKEN_SECRET: needs 32"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(**settings)
