"""What a provider's answer says about a token."""

import json
from collections.abc import Mapping
from datetime import datetime

from domain.token_revocation import (
    Answer,
    Ended,
    Misconfigured,
    Refused,
    RevocationEvidence,
    TryLater,
)
from infrastructure.outbound_http import NoResponse, OutboundResponse
from infrastructure.providers.entry import Condition, ProviderEntry

_CLIENT_ERRORS = frozenset({"invalid_client", "unauthorized_client"})
_MISDIRECTED = frozenset({404, 405, 407, 421})
_TRY_LATER = frozenset({408, 425, 429})
_CODES = _CLIENT_ERRORS | {
    "access_denied",
    "invalid_grant",
    "invalid_request",
    "invalid_token",
    "server_error",
    "temporarily_unavailable",
    "token_expired",
    "unsupported_token_type",
}
"""Those of RFC 6749, RFC 6750 and RFC 7009. Others are not quoted: they may be anything."""


def interpret(entry: ProviderEntry, response: OutboundResponse, now: datetime) -> Answer:
    """By the catalogue first, then by what HTTP and OAuth say. Codes hold no text of the answer."""
    members = _members(response.body)
    if any(_matches(condition, response.status, members) for condition in entry.success):
        return Ended(RevocationEvidence.ACCEPTED)
    if any(_matches(condition, response.status, members) for condition in entry.gone):
        return Ended(RevocationEvidence.ALREADY_GONE)
    code = _code(response.status, members)
    if response.status in _TRY_LATER or response.status >= 500:
        return TryLater(code, response.retry_after(now))
    if code in _CLIENT_ERRORS or response.status == 401:
        return Misconfigured(code)
    if response.status in _MISDIRECTED or 300 <= response.status < 400:
        return Misconfigured(code)
    if response.status < 300 and not members:
        return TryLater(code)  # a page of something between us and the provider
    return Refused(code)


def no_answer(failure: NoResponse) -> TryLater:
    """There was no complete response."""
    return TryLater(failure.problem.value)


def _members(body: bytes) -> Mapping[str, object]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _matches(condition: Condition, status: int, members: Mapping[str, object]) -> bool:
    return status in condition.status and all(
        name in members and _same(members[name], wanted) for name, wanted in condition.json_.items()
    )


def _same(value: object, wanted: object) -> bool:
    """`true` is not 1."""
    return type(value) is type(wanted) and value == wanted


def _code(status: int, members: Mapping[str, object]) -> str:
    error = members.get("error")
    return error if isinstance(error, str) and error in _CODES else f"http_{status}"
