"""The callers that tokens authenticate."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from domain.identifiers import UserId
from domain.ports import ServiceCaller
from infrastructure.security.refusals import Refusal, TokenRefused

MAX_NAME_LENGTH = 255


def user_of(claims: Mapping[str, Any]) -> UserId:
    """The subject, which must be a UUID in its usual form. Raises `TokenRefused`."""
    claim: str = claims["sub"]
    try:
        user_id = UserId(UUID(claim))
    except ValueError:
        raise TokenRefused(Refusal.SUBJECT) from None
    if str(user_id) != claim.lower():
        raise TokenRefused(Refusal.SUBJECT)
    return user_id


def service_of(claims: Mapping[str, Any]) -> ServiceCaller:
    """The subject is its name; `scope` has scopes between spaces (RFC 9068, section 2.2.3).

    Raises `TokenRefused`.
    """
    name: str = claims["sub"]
    if not name.strip() or len(name) > MAX_NAME_LENGTH:
        raise TokenRefused(Refusal.SUBJECT)
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise TokenRefused(Refusal.SCOPE)
    return ServiceCaller(name=name, scopes=frozenset(scope.split(" ")) - {""})
