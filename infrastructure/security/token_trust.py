"""Which tokens are accepted, in plain values."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """Where the keys come from: a shared secret, a public key in PEM form, or a key set's URL.

    At most one is set.
    """

    secret: str | None = field(default=None, repr=False)
    public_key: str | None = None
    url: str | None = None

    def __bool__(self) -> bool:
        return any(key is not None for key in (self.secret, self.public_key, self.url))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What a token must say.

    `other_audience` is one that it must not have, not even among others. `leeway`: seconds by which
    `nbf` and `iat` may lie in the future.
    """

    issuer: str | None = None
    audience: str | None = None
    other_audience: str | None = None
    leeway: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTrust:
    """Whose tokens are accepted, and what they must say."""

    keys: KeySource
    rules: TokenRules = field(default_factory=TokenRules)
