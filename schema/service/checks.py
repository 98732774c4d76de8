"""Checks of what services hand in; `BAD_USER_INPUT` names what is wrong."""

import math
from datetime import UTC, datetime

from domain.provider_connection import EARLIEST, LATEST, MAX_ACCOUNT_ID_LENGTH, MAX_ALIAS_LENGTH
from schema.errors import bad_user_input
from schema.relay import given


def checked_text(text: str, name: str, most: int) -> str:
    """`BAD_USER_INPUT` for what is empty, too long, or can't be stored."""
    if not 1 <= len(text) <= most:
        raise bad_user_input(f"`{name}` has 1 to {most} characters.")
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise bad_user_input(f"`{name}` has a character that can't be stored.")
    return text


def optional_text(text: str | None, name: str, most: int) -> str | None:
    """The same, for what may be left out."""
    known = given(text)
    return None if known is None else checked_text(known, name, most)


def checked_alias(text: str | None) -> str | None:
    """A user's name for a connection; an empty one is a name as well."""
    known = given(text)
    return known if known == "" else optional_text(known, "alias", MAX_ALIAS_LENGTH)


def checked_account(text: str | None) -> str | None:
    """A provider's id of an account."""
    return optional_text(text, "providerAccountId", MAX_ACCOUNT_ID_LENGTH)


def checked_time(time: datetime, name: str) -> datetime:
    """In UTC; `BAD_USER_INPUT` without a time zone, or when it can't be stored."""
    if time.tzinfo is None:
        raise bad_user_input(f"`{name}` needs a time zone.")
    try:
        utc = time.astimezone(UTC)
    except OverflowError:
        raise bad_user_input(f"`{name}` is out of range.") from None
    if not EARLIEST <= utc < LATEST:
        raise bad_user_input(f"`{name}` is out of range.")
    return utc


def is_within(value: object, levels: int) -> bool:
    """Whether objects and lists are nested in so many levels at most."""
    match value:
        case dict():
            return levels > 0 and all(is_within(item, levels - 1) for item in value.values())
        case list():
            return levels > 0 and all(is_within(item, levels - 1) for item in value)
        case _:
            return True


def is_exact(value: object) -> bool:
    """Whether no whole number was rounded: above 64 bits, decoding gives the nearest float."""
    match value:
        case dict():
            return all(map(is_exact, value.values()))
        case list():
            return all(map(is_exact, value))
        case float():
            return math.isfinite(value) and abs(value) <= 2**53
        case _:
            return True
