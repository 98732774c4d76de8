"""What services hand in: bounds that the database and the wire can keep."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from graphql import GraphQLError

from domain.ports import Cipher
from schema.errors import ErrorCode, code_of
from schema.service.checks import checked_time
from schema.service.inputs import CredentialsInput


class Plain:
    """`Cipher` that hides nothing."""

    def encrypt(self, data: bytes) -> bytes:
        return data

    def decrypt(self, data: bytes) -> bytes:
        return data


CIPHER: Cipher = Plain()


def nested(levels: int) -> object:
    value: object = "token"
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return {"data": value}


def test_credentials_may_be_nested_64_levels_deep() -> None:
    CredentialsInput(type="oauth2", data=nested(63)).encrypted(CIPHER)  # type: ignore[arg-type]


@pytest.mark.parametrize("levels", [64, 253, 600, 1020])
def test_credentials_that_a_response_could_not_hold_are_refused(levels: int) -> None:
    with pytest.raises(GraphQLError, match="nested deeper than 64 levels") as refused:
        CredentialsInput(type="oauth2", data=nested(levels)).encrypted(CIPHER)  # type: ignore[arg-type]
    assert code_of(refused.value) == ErrorCode.BAD_USER_INPUT


@pytest.mark.parametrize(
    "time",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=10))),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-10))),
    ],
)
def test_times_that_a_database_takes_for_infinity_are_refused(time: datetime) -> None:
    with pytest.raises(GraphQLError, match="`at` is out of range"):
        checked_time(time, "at")


def test_times_are_kept_in_utc() -> None:
    time = datetime(2026, 1, 1, 5, 45, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert checked_time(time, "at") == datetime(2026, 1, 1, tzinfo=UTC)
