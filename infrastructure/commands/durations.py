"""Lengths of time as people write them."""

import re
from datetime import timedelta

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?")


def duration(text: str) -> timedelta:
    """`90s`, `15m`, `1h`, `7d`, `1h30m`. Raises `ValueError`."""
    match = _DURATION.fullmatch(text.strip())
    parts = {_UNITS[unit]: int(n) for unit, n in match.groupdict().items() if n} if match else {}
    try:
        length = timedelta(**parts)
    except OverflowError:
        length = timedelta()
    if not length:
        raise ValueError(f"{text!r} is not a length of time, such as 90s, 15m, 1h30m or 7d")
    return length
