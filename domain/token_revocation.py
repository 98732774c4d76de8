"""Ending tokens at their provider: what was answered, and what users are told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from domain.identifiers import AttemptId, ConnectionId, ProviderId, UserId


class RevocationEvidence(StrEnum):
    """What was observed when a token was ended."""

    ACCEPTED = "accepted"
    """The provider answered as its documentation says for a token that is ended."""

    ALREADY_GONE = "already_gone"
    """The provider answered that the token had ended before."""


class RevocationStatus(StrEnum):
    """What became of the access at the provider, after a disconnection."""

    NOT_SUPPORTED = "not_supported"
    """The provider has no way for apps."""
    NOT_ATTEMPTED = "not_attempted"
    """The provider was not in any catalogue then."""
    NOTHING_TO_REVOKE = "nothing_to_revoke"
    """The connection had no credentials."""
    PENDING = "pending"
    ACCEPTED = "accepted"
    ALREADY_GONE = "already_gone"
    SHARED_GRANT = "shared_grant"
    """Another connection uses the same grant, which was therefore left alone."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevocation:
    """The state of a connection's latest revocation. Users end access by hand at `manage_url`."""

    status: RevocationStatus
    since: datetime
    manage_url: str | None = None


class UnreadableCredentials(Exception):
    """The credentials' data has no token, or lacks what the request needs besides."""


class TokensInUse(Exception):
    """The connection's present credentials have one of the tokens that would be ended."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The token has ended."""

    evidence: RevocationEvidence


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider says that it does not end this token."""

    code: str


@dataclass(frozen=True, slots=True)
class TryLater:
    """It is unknown whether the token has ended. `after`: seconds that the provider asked for."""

    code: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """The provider does not know our client, or there is no such endpoint: no outcome."""

    code: str


Answer: TypeAlias = Ended | Refused | TryLater | Misconfigured
Answers: TypeAlias = Mapping[str | None, Answer]
"""By the token's name among the credentials' data; None is a request without a token."""


def combined(answers: Answers) -> Answer:
    """What became of all tokens of a connection.

    An access token whose kind the provider does not revoke is no failure once its refresh token has
    ended: it expires. Raises `ValueError` for no answers.
    """
    refresh = answers.get("refresh_token")
    counted = [
        answer
        for name, answer in answers.items()
        if not (
            name == "access_token"
            and isinstance(refresh, Ended)
            and answer == Refused("unsupported_token_type")
        )
    ]
    for kind in (Misconfigured, TryLater, Refused):
        for answer in counted:
            if isinstance(answer, kind):
                return answer
    accepted = Ended(RevocationEvidence.ACCEPTED)
    if not counted:
        raise ValueError("there is no answer")
    return accepted if accepted in counted else Ended(RevocationEvidence.ALREADY_GONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedRevocation:
    """A pending revocation that one worker holds for a while, by `lease`.

    `answers` are those that are final. `overdue`: the time to give up has come. `shared`: another
    connection with credentials, or this one with new credentials, uses the grant that would end.
    `current_data` are the credentials of a connection that isn't disconnected.
    """

    attempt_id: AttemptId
    lease: UUID
    user_id: UserId
    connection_id: ConnectionId
    provider_id: ProviderId
    provider_slug: str
    begun_at: datetime
    encrypted_data: bytes = field(repr=False)
    current_data: bytes | None = field(default=None, repr=False)
    manage_url: str | None = None
    answers: Answers = field(default_factory=dict)
    tries: int = 0
    overdue: bool = False
    shared: bool = False
