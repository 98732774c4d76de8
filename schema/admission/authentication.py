"""Who is asking, on every transport: a bearer token (RFC 6750)."""

import math

from domain.ports import AccessToken, AccessTokens, CallerT, KeysUnavailable
from schema.errors import ErrorCode, Refused, request_error


async def authenticate(
    authorization: str | None, tokens: AccessTokens[CallerT]
) -> AccessToken[CallerT]:
    """The verified token of an `Authorization` header's text.

    Raises `Refused` with `UNAUTHENTICATED`, the same for every reason, or with
    `SERVICE_UNAVAILABLE` while no token can be verified: then its bearer is not signed out.
    """
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and text.strip():
        try:
            token = await tokens.verify(text.strip())
        except KeysUnavailable as unavailable:
            raise _unavailable(unavailable.retry_after) from None
        if token is not None:
            return token
    raise unauthenticated()


def unauthenticated() -> Refused:
    """There is no valid token, or none any more."""
    message = "Send a valid access token: `Authorization: Bearer …`."
    return Refused(request_error(ErrorCode.UNAUTHENTICATED, message))


def _unavailable(retry_after: float) -> Refused:
    message = "Access tokens can't be verified at the moment. Try again later."
    seconds = max(1, math.ceil(retry_after))
    return Refused(request_error(ErrorCode.SERVICE_UNAVAILABLE, message, retryAfter=seconds))
