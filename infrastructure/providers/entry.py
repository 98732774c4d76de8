"""One table of the provider catalogue."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from infrastructure.providers.endpoint import Endpoint
from infrastructure.providers.templates import NAMES, Template

JsonValue = str | bool | int

_OF_REQUESTS = frozenset(
    {
        "body",
        "client_auth",
        "ends",
        "fields",
        "gone",
        "headers",
        "hosts",
        "method",
        "private_addresses",
        "success",
        "token_type_hint",
        "tokens",
    }
)
"""Keys that say what is sent and what an answer means."""


def _tables(value: object) -> object:
    return [value] if isinstance(value, dict) else value


def _web_address(value: object) -> object:
    if isinstance(value, str) and urlsplit(value).scheme != "https":
        raise ValueError("is not an https:// URL")
    return value


class Condition(BaseModel):
    """What an answer must be: one of these statuses, with these members in its JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    status: tuple[Annotated[int, Field(ge=200, le=599)], ...] = Field(strict=False, min_length=1)
    json_: dict[str, JsonValue] = Field(default={}, alias="json")


Conditions = Annotated[tuple[Condition, ...], BeforeValidator(_tables), Field(strict=False)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
WebAddress = Annotated[str, BeforeValidator(_web_address)]


class ProviderEntry(BaseModel):
    """How a provider ends tokens, and what users are shown of it.

    Without an `endpoint` it has no way for apps. `tokens` are members of the credentials' data, in
    the order in which they are ended; none when the request needs no token.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    endpoint: str | None = None
    hosts: Texts = ()
    private_addresses: bool = False
    method: Literal["POST", "DELETE", "PUT", "PATCH"] = "POST"
    body: Literal["form", "json", "none"] = "form"
    fields: dict[str, JsonValue] = {}
    headers: dict[str, str] = {}
    client_auth: Literal["none", "basic", "bearer"] = "none"
    client_id: str | None = None
    client_secret: SecretStr | None = None
    tokens: Texts = ("refresh_token", "access_token")
    token_type_hint: bool = False
    success: Conditions = (Condition(status=(200, 204)),)
    gone: Conditions = ()
    ends: Literal["token", "grant"] = "token"

    name: str | None = None
    logo: Path | None = Field(default=None, strict=False)
    manage_url: WebAddress | None = None
    documentation: WebAddress | None = None

    concurrency: Annotated[int, Field(ge=1, le=100)] = 4
    per_second: Annotated[float, Field(gt=0, le=1000, strict=False)] = 10.0

    @property
    def target(self) -> Endpoint | None:
        """Where requests go; None when there is no way to end access."""
        return None if self.endpoint is None else Endpoint(Template(self.endpoint), self.hosts)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Each error's text begins with the key that is wrong."""
        if self.endpoint is None:
            _refuse_keys(self.model_fields_set & _OF_REQUESTS)
            return self
        needed = self._placeholders()
        if "client_id" in needed and self.client_id is None:
            raise ValueError("client_id: missing, the request needs it")
        if "client_secret" in needed and self.client_secret is None:
            raise ValueError("client_secret_env: missing, the request needs a secret")
        if bool(self.tokens) != ("token" in needed):
            raise ValueError("tokens: are sent where {token} stands, so set both or neither")
        if self.private_addresses and self.hosts:
            raise ValueError("private_addresses: not for hosts that come from credentials")
        if self.token_type_hint and self.body == "none":
            raise ValueError("token_type_hint: needs a body")
        return self

    def _placeholders(self) -> set[str]:
        """Those that stand for the client and the token, wherever they stand."""
        needed = _checked("endpoint", self.endpoint)
        try:
            self.target  # noqa: B018 (it raises)
        except ValueError as error:
            raise ValueError(f"endpoint: {error}") from None
        for part in ("fields", "headers"):
            for name, value in getattr(self, part).items():
                needed |= _checked(f"{part}.{name}", value)
        if self.client_auth == "basic":
            needed |= {"client_id", "client_secret"}
        elif self.client_auth == "bearer":
            needed |= {"token"}
        return needed


def _refuse_keys(keys: set[str]) -> None:
    if keys:
        raise ValueError(f"{min(keys)}: has no effect without an endpoint")


def _checked(key: str, value: Any) -> set[str]:  # noqa: ANN401 (what TOML has)
    try:
        names = Template(value).names if isinstance(value, str) else frozenset()
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
    return set(names & NAMES)
