"""What an answer says about a token, and what it does not."""

import json
from datetime import UTC, datetime

import pytest

from domain.token_revocation import (
    Answer,
    Ended,
    Misconfigured,
    Refused,
    RevocationEvidence,
    TryLater,
    combined,
)
from infrastructure.outbound_http import NoResponse, OutboundResponse, Problem
from infrastructure.providers.answers import interpret, no_answer
from infrastructure.providers.entry import ProviderEntry
from tests.unit.infrastructure.providers.entries import entry, known

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCEPTED, GONE = Ended(RevocationEvidence.ACCEPTED), Ended(RevocationEvidence.ALREADY_GONE)
RFC7009 = known("rfc7009")


def answer(provider: ProviderEntry, status: int, body: object = b"", **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return interpret(provider, OutboundResponse(status=status, headers=named, body=content), NOW)


@pytest.mark.parametrize(
    ("provider", "status", "body", "expected"),
    [
        ("google", 200, {}, ACCEPTED),
        ("google", 400, {"error": "invalid_token"}, GONE),
        ("google", 400, {"error": "invalid_request"}, Refused("invalid_request")),
        ("github", 204, b"", ACCEPTED),
        ("github", 404, {"message": "Not Found"}, GONE),
        ("github", 422, {"message": "Validation Failed"}, Refused("http_422")),
        ("github", 401, {"message": "Bad credentials"}, Misconfigured("http_401")),
        ("slack", 200, {"ok": True, "revoked": True}, ACCEPTED),
        ("slack", 200, {"ok": True, "revoked": False}, Refused("http_200")),
        ("slack", 200, {"ok": False, "error": "token_revoked"}, GONE),
        ("slack", 200, {"ok": False, "error": "invalid_auth"}, Refused("http_200")),
        ("slack", 200, {"ok": 1, "revoked": 1}, Refused("http_200")),
        ("salesforce", 400, {"error": "invalid_token"}, GONE),
        ("salesforce", 400, {"error": "unsupported_token_type"}, Refused("unsupported_token_type")),
        ("plaid", 400, {"error_code": "ITEM_NOT_FOUND"}, GONE),
        ("plaid", 400, {"error_code": "INVALID_ACCESS_TOKEN"}, Refused("http_400")),
        ("square", 200, {"success": True}, ACCEPTED),
        ("zoom", 200, {"status": "success"}, ACCEPTED),
        ("stripe", 401, {"error": "invalid_client"}, Misconfigured("invalid_client")),
        ("box", 400, {"error": "invalid_client"}, Misconfigured("invalid_client")),
        ("rfc7009", 200, b"", ACCEPTED),
        ("rfc7009", 200, b"<html>", ACCEPTED),
        (
            "rfc7009",
            401,
            {"error": "unsupported_token_type"},
            Misconfigured("unsupported_token_type"),
        ),
        ("rfc7009", 400, {"error": "unauthorized_client"}, Misconfigured("unauthorized_client")),
        ("rfc7009", 403, b"", Refused("http_403")),
    ],
)
def test_an_answer_by_the_catalogue(
    provider: str, status: int, body: object, expected: Answer
) -> None:
    assert answer(known(provider), status, body) == expected


@pytest.mark.parametrize("status", [301, 302, 307, 308, 404, 405])
def test_an_endpoint_that_is_elsewhere_is_the_operators_to_mend(status: int) -> None:
    assert answer(RFC7009, status) == Misconfigured(f"http_{status}")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again_and_not_before_the_provider_asks(status: int) -> None:
    assert answer(RFC7009, status) == TryLater(f"http_{status}", None)
    assert answer(RFC7009, status, retry_after="30") == TryLater(f"http_{status}", 30)
    date = "Thu, 01 Jan 2026 00:02:00 GMT"
    assert answer(RFC7009, status, retry_after=date) == TryLater(f"http_{status}", 120)


def test_a_page_in_place_of_an_answer_is_no_outcome() -> None:
    assert answer(known("slack"), 200, b"<html>Sign in to the hotel's network") == TryLater(
        "http_200"
    )


@pytest.mark.parametrize("problem", Problem)
def test_without_an_answer_nothing_is_known(problem: Problem) -> None:
    assert no_answer(NoResponse(problem)) == TryLater(problem.value)


@pytest.mark.parametrize(
    "body", [{"error": "xoxp-a-token"}, {"error": ["invalid_token"]}, [1], b"[" * 10_000, b"\xff"]
)
def test_a_code_holds_nothing_that_a_provider_may_have_made_up(body: object) -> None:
    assert answer(RFC7009, 400, body) == Refused("http_400")


def test_members_must_be_what_they_are_said_to_be() -> None:
    strict = entry(success={"status": [200, 202], "json": {"n": 1, "s": "x"}})
    assert answer(strict, 202, {"n": 1, "s": "x", "more": 0}) == ACCEPTED
    assert answer(strict, 200, {"n": True, "s": "x"}) == Refused("http_200")
    assert answer(strict, 200, {"n": 1}) == Refused("http_200")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"refresh_token": ACCEPTED, "access_token": GONE}, ACCEPTED),
        ({"refresh_token": GONE, "access_token": GONE}, GONE),
        ({None: ACCEPTED}, ACCEPTED),
        ({"refresh_token": ACCEPTED, "access_token": Refused("unsupported_token_type")}, ACCEPTED),
        ({"refresh_token": GONE, "access_token": Refused("unsupported_token_type")}, GONE),
        (
            {"access_token": Refused("unsupported_token_type")},
            Refused("unsupported_token_type"),
        ),
        (
            {
                "refresh_token": Refused("http_400"),
                "access_token": Refused("unsupported_token_type"),
            },
            Refused("http_400"),
        ),
        ({"refresh_token": ACCEPTED, "access_token": Refused("http_403")}, Refused("http_403")),
        (
            {"refresh_token": Refused("http_403"), "access_token": TryLater("http_503", 3)},
            TryLater("http_503", 3),
        ),
        (
            {"refresh_token": TryLater("timed_out"), "access_token": Misconfigured("http_401")},
            Misconfigured("http_401"),
        ),
    ],
)
def test_what_became_of_all_tokens(answers: dict[str | None, Answer], expected: Answer) -> None:
    assert combined(answers) == expected
