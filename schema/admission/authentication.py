"""Who is asking, on every transport: a bearer token (RFC 6750)."""

from domain.ports import AccessToken, AccessTokens, CallerT
from schema.errors import ErrorCode, Refused, request_error


async def authenticate(
    authorization: str | None, tokens: AccessTokens[CallerT]
) -> AccessToken[CallerT]:
    """The verified token of an `Authorization` header's text.

    Raises `Refused` with `UNAUTHENTICATED`, the same for every reason.
    """
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and text.strip():
        token = await tokens.verify(text.strip())
        if token is not None:
            return token
    raise unauthenticated()


def unauthenticated() -> Refused:
    """There is no valid token, or none any more."""
    message = "Send a valid access token: `Authorization: Bearer …`."
    return Refused(request_error(ErrorCode.UNAUTHENTICATED, message))
