"""Text with placeholders, such as `{client_id}`, `{token}` and `{data.instance_url}`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

NAMES = frozenset({"client_id", "client_secret", "token"})

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DATA = re.compile(r"data\.[A-Za-z0-9_-]+")


class MissingValue(Exception):
    """There is no value for a placeholder. Its text is the placeholder's name."""


@dataclass(frozen=True, slots=True)
class Template:
    """Raises `ValueError` for an unknown placeholder, or a brace that belongs to none."""

    text: str

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in NAMES and not _DATA.fullmatch(name):
                raise ValueError(f"has an unknown placeholder {{{name}}}")
        if re.search(r"[{}]", _PLACEHOLDER.sub("", self.text)):
            raise ValueError("has a brace that belongs to no placeholder")

    @property
    def names(self) -> frozenset[str]:
        """The placeholders in it."""
        return frozenset(_PLACEHOLDER.findall(self.text))

    def render(self, values: Mapping[str, str], encode: Callable[[str], str] = str) -> str:
        """The text with encoded values in it. Raises `MissingValue`."""

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in values:
                raise MissingValue(name)
            return encode(values[name])

        return _PLACEHOLDER.sub(value, self.text)
