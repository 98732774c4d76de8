"""Where a revocation is sent: fixed, or made from the credentials within bounds."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from infrastructure.providers.templates import Template

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_BASE = re.compile(r"\{data\.[^{}]*\}(?=/|$)")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class BadEndpoint(Exception):
    """The credentials' data leads to no place that the catalogue allows."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL that may have placeholders in its path and its host, or as its base.

    A base is a placeholder at the beginning, whose value is a URL without a path. `hosts` are the
    names that a host from the credentials may have; `*.example.com` stands for names below it.
    Raises `ValueError` for what could lead elsewhere.
    """

    template: Template
    hosts: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self._from_credentials:
            if not self.hosts:
                raise ValueError("takes its host from the credentials, so `hosts` must be set")
            return
        url = _parts(_filled(self.template.text))
        if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOOPBACK):
            raise ValueError("is not an https:// URL (http:// is for loopback only)")

    @property
    def _from_credentials(self) -> bool:
        scheme, _, rest = self.template.text.partition("://")
        return "{" in scheme or "{" in rest.partition("/")[0]

    @property
    def on_loopback(self) -> bool:
        """Whether it is fixed, and this machine's."""
        return not self._from_credentials and (
            _parts(_filled(self.template.text)).hostname in _LOOPBACK
        )

    def url(self, values: Mapping[str, str]) -> str:
        """With URL-encoded values in it. Raises `MissingValue` or `BadEndpoint`."""
        text = self.template.text
        if not self._from_credentials:
            return self.template.render(values, _quoted)
        base = _BASE.match(text)
        if base is not None:
            start = Template(base.group()).render(values).rstrip("/")
            return self._checked(start) + Template(text[base.end() :]).render(values, _quoted)
        slash = text.find("/", text.find("://") + 3)
        end = len(text) if slash < 0 else slash
        start = Template(text[:end]).render(values, _label)
        return self._checked(start) + Template(text[end:]).render(values, _quoted)

    def _checked(self, base: str) -> str:
        try:
            url = _parts(base)
        except ValueError:
            raise BadEndpoint from None
        if url.scheme != "https" or url.path or url.query or url.fragment or not url.hostname:
            raise BadEndpoint
        if not any(_matches(url.hostname, pattern) for pattern in self.hosts):
            raise BadEndpoint
        return base


def _filled(text: str) -> str:
    return re.sub(r"\{[^{}]*\}", "x", text)


def _parts(text: str) -> SplitResult:
    if not text.isascii() or re.search(r"[\s\\]", text):
        raise ValueError("has characters that no URL has")
    url = urlsplit(text)
    url.port  # noqa: B018 (it raises)
    if url.username is not None or url.password is not None:
        raise ValueError("has user information before its host")
    if url.fragment:
        raise ValueError("has a fragment, which is never sent")
    return url


def _matches(host: str, pattern: str) -> bool:
    pattern = pattern.lower()
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise BadEndpoint
    return value
