"""Which pages may talk to us: CORS, and the rule that WebSockets share."""

import httpx
import pytest

from schema.admission.origins import origin_allowed
from schema.asgi import WireSettings
from tests.unit.schema.wire import Wire

APP = "https://app.example.com"
SETTINGS = WireSettings(allowed_origins=frozenset({APP}))


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("unplug.test", None, True),
        ("unplug.test", "http://unplug.test", True),
        ("unplug.test", "https://unplug.test", True),
        ("UNPLUG.test", "https://unplug.TEST", True),
        ("unplug.test:443", "https://unplug.test", True),
        ("unplug.test", "http://unplug.test:80", True),
        ("unplug.test:8000", "http://unplug.test:8000", True),
        ("[::1]:8000", "http://[::1]:8000", True),
        ("unplug.test", APP, True),
        ("unplug.test", "http://unplug.test:8000", False),
        ("unplug.test:8000", "http://unplug.test", False),
        ("unplug.test:443", "http://unplug.test", False),
        ("unplug.test", "http://evil.test", False),
        ("unplug.test", "http://unplug.test.evil.test", False),
        ("unplug.test", "http://evil-unplug.test", False),
        ("unplug.test", "http://app.example.com", False),
        ("unplug.test", "https://app.example.com:8443", False),
        ("unplug.test", "null", False),
        ("unplug.test", "", False),
        ("", "http://", False),
    ],
)
def test_a_page_is_ours_or_allowed_or_refused(host: str, origin: str | None, allowed: bool) -> None:
    headers = {b"host": host.encode()}
    if origin is not None:
        headers[b"origin"] = origin.encode()
    assert origin_allowed(headers, frozenset({APP})) is allowed


async def _preflight(
    wire: Wire, origin: str, asked: str = "authorization,content-type,x-app"
) -> httpx.Response:
    async with wire.client(None) as client:
        return await client.http.options(
            "/graphql",
            headers={
                "origin": origin,
                "access-control-request-method": "POST",
                "access-control-request-headers": asked,
            },
        )


async def test_a_preflight_of_an_allowed_page_is_granted_without_a_token() -> None:
    answer = await _preflight(Wire(SETTINGS), APP)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == APP
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type,x-app"
    assert int(answer.headers["access-control-max-age"]) > 0
    assert answer.headers["vary"] == "origin"
    assert "access-control-allow-credentials" not in answer.headers


async def test_what_is_no_header_name_is_not_echoed() -> None:
    answer = await _preflight(Wire(SETTINGS), APP, "x-app; \x7f")
    assert answer.headers["access-control-allow-headers"] == ""


async def test_a_preflight_of_another_page_is_refused() -> None:
    for wire, origin in ((Wire(SETTINGS), "https://evil.test"), (Wire(), APP), (Wire(), "null")):
        answer = await _preflight(wire, origin)
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_options_are_for_anybody_who_is_no_page() -> None:
    async with Wire().client(None) as client:
        answer = await client.http.options("/graphql")
    assert answer.status_code == 200
    assert answer.headers["allow"] == "GET, POST, OPTIONS"


async def test_an_answer_is_for_allowed_pages_to_read_errors_included() -> None:
    async with Wire(SETTINGS).client() as client:
        for body, origin, readable in (
            ({"query": "{ __typename }"}, APP, True),
            ("{", APP, True),
            ({"query": "{ __typename }"}, "https://evil.test", False),
        ):
            answer = await client.send(body, origin=origin)
            allowed = answer.headers.get("access-control-allow-origin")
            assert allowed == (origin if readable else None)
            exposed = answer.headers.get("access-control-expose-headers", "")
            assert ("x-request-id" in exposed) is readable
            assert answer.headers["vary"] == "origin"
