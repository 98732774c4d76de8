"""Numbers, switches, words and addresses, read strictly."""

import re
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

MAX_NUMBER = 2**31 - 1
MAX_SECONDS = 86_400
MAX_LONG_SECONDS = 30 * MAX_SECONDS
MAX_LEEWAY = 300


class Address(NamedTuple):
    """Address that a server listens on."""

    host: str
    port: int


def _written(pattern: str, problem: str) -> Callable[[object], object]:
    """Python reads more as a number than operators write: `1_000`, `1e9`, `nan`."""

    def check(value: object) -> object:
        if isinstance(value, str) and not re.fullmatch(pattern, value.strip(), re.ASCII):
            raise ValueError(problem)
        return value.strip() if isinstance(value, str) else value

    return check


def _word(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _address(text: object) -> object:
    if not isinstance(text, str):
        return text
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("is not HOST:PORT, such as 127.0.0.1:9464")
    return Address(host.strip("[]"), int(port))


WholeNumber: TypeAlias = Annotated[
    int, Field(le=MAX_NUMBER), BeforeValidator(_written(r"-?\d+", "is not a whole number"))
]
Seconds: TypeAlias = Annotated[
    float,
    Field(gt=0, le=MAX_SECONDS),
    BeforeValidator(_written(r"-?\d+(\.\d+)?", "is not a number of seconds")),
]
LongSeconds: TypeAlias = Annotated[
    float,
    Field(gt=0, le=MAX_LONG_SECONDS),
    BeforeValidator(_written(r"-?\d+(\.\d+)?", "is not a number of seconds")),
]
AppName: TypeAlias = Annotated[
    str, BeforeValidator(_written(r"[^\x00-\x1f\x7f]{1,60}", "is not a name of 1 to 60 characters"))
]
WebUrl: TypeAlias = Annotated[
    str, BeforeValidator(_written(r"https://[^\s/?#@]+([/?#]\S*)?", "is not an https:// URL"))
]
Leeway: TypeAlias = Annotated[
    float,
    Field(ge=0, le=MAX_LEEWAY),
    BeforeValidator(_written(r"-?\d+(\.\d+)?", "is not a number of seconds")),
]
Switch: TypeAlias = Annotated[
    bool,
    BeforeValidator(_word),
    BeforeValidator(_written("(?i:on|off|true|false|yes|no|1|0)", "is neither on nor off")),
]
LogLevel: TypeAlias = Annotated[
    Literal["debug", "info", "warning", "error"], BeforeValidator(_word)
]
ListenAddress: TypeAlias = Annotated[Address | None, NoDecode, BeforeValidator(_address)]
