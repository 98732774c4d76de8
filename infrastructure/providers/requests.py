"""The requests that end a connection's tokens at its provider."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from domain.token_revocation import UnreadableCredentials
from infrastructure.providers.endpoint import BadEndpoint
from infrastructure.providers.entry import JsonValue, ProviderEntry
from infrastructure.providers.templates import MissingValue, Template

_TOKEN_TEXT = re.compile(r"[\x21-\x7e]+")
_HEADER_TEXT = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_CONTENT_TYPES = {"form": "application/x-www-form-urlencoded", "json": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """One request. `token` is the name of the credentials' member that it ends, if it ends one."""

    token: str | None
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    private_addresses: bool


def requests_for(entry: ProviderEntry, data: Mapping[str, object]) -> Sequence[TokenRequest]:
    """One for each token that is there, in the catalogue's order.

    There are none for a provider without an endpoint. Raises `UnreadableCredentials`.
    """
    if entry.target is None:
        return []
    values = {**{f"data.{name}": text for name, text in _texts(data)}, **_client(entry)}
    if not entry.tokens:
        return [_request(entry, None, values)]
    tokens = [name for name in entry.tokens if values.get(f"data.{name}")]
    if not tokens:
        raise UnreadableCredentials
    return [_request(entry, name, {**values, "token": values[f"data.{name}"]}) for name in tokens]


def have_a_token_in_common(
    entry: ProviderEntry, one: Mapping[str, object], other: Mapping[str, object]
) -> bool:
    """Whether the requests for one's tokens may end the other's.

    An access token may take its refresh token along (RFC 7009, section 2.1), so that both count,
    also where only one is sent. A request without a token ends all that belongs to the account.
    """
    names = {*entry.tokens, "refresh_token", "access_token"}
    ours, theirs = (
        {text for name, text in _texts(data) if name in names and text} for data in (one, other)
    )
    return not entry.tokens or not ours.isdisjoint(theirs)


def _request(entry: ProviderEntry, token: str | None, values: Mapping[str, str]) -> TokenRequest:
    target = entry.target
    if target is None:
        raise ValueError("the provider has no endpoint")
    fields = dict(_rendered(entry.fields, values))
    if entry.token_type_hint and token is not None:
        fields["token_type_hint"] = token
    headers = {name: str(text) for name, text in _rendered(entry.headers, values)}
    headers |= _authorization(entry, values)
    if entry.body != "none":
        headers["Content-Type"] = _CONTENT_TYPES[entry.body]
    if not all(_HEADER_TEXT.fullmatch(text) for text in headers.values()):
        raise UnreadableCredentials
    try:
        url = target.url(values)
    except (MissingValue, BadEndpoint):
        raise UnreadableCredentials from None
    return TokenRequest(
        token=token,
        method=entry.method,
        url=url,
        headers=headers,
        body=_body(entry, fields),
        private_addresses=entry.private_addresses or target.on_loopback,
    )


def _body(entry: ProviderEntry, fields: Mapping[str, JsonValue]) -> bytes:
    match entry.body:
        case "json":
            return json.dumps(fields).encode()
        case "form":
            return urlencode({name: _form(value) for name, value in fields.items()}).encode()
        case "none":
            return b""


def _form(value: JsonValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rendered(
    parts: Mapping[str, JsonValue], values: Mapping[str, str]
) -> Iterator[tuple[str, JsonValue]]:
    for name, value in parts.items():
        try:
            yield name, Template(value).render(values) if isinstance(value, str) else value
        except MissingValue:
            raise UnreadableCredentials from None


def _authorization(entry: ProviderEntry, values: Mapping[str, str]) -> Mapping[str, str]:
    match entry.client_auth:
        case "basic":  # RFC 6749, section 2.3.1
            pair = (
                f"{quote(values['client_id'], safe='')}:{quote(values['client_secret'], safe='')}"
            )
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        case "bearer":
            if not _TOKEN_TEXT.fullmatch(values["token"]):
                raise UnreadableCredentials
            return {"Authorization": f"Bearer {values['token']}"}
        case "none":
            return {}


def _client(entry: ProviderEntry) -> Mapping[str, str]:
    secret = entry.client_secret
    pair = {
        "client_id": entry.client_id,
        "client_secret": None if secret is None else secret.get_secret_value(),
    }
    return {name: value for name, value in pair.items() if value is not None}


def _texts(data: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, int) and not isinstance(value, bool):
            yield name, str(value)
