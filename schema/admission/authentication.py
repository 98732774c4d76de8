"""Who is asking, on every transport: a bearer token (RFC 6750)."""

from graphql import GraphQLError

from domain.ports import AccessToken, AccessTokens
from schema.errors import ErrorCode, request_error


async def authenticate(authorization: str | None, tokens: AccessTokens) -> AccessToken | None:
    """The verified token of an `Authorization` header's text; None whatever is wrong with it."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None
    return await tokens.verify(token.strip())


def unauthenticated() -> GraphQLError:
    """The same for every reason."""
    return request_error(
        ErrorCode.UNAUTHENTICATED, "Send a valid access token: `Authorization: Bearer …`."
    )
