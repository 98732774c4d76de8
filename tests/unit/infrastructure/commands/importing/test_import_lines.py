"""A line becomes a connection, or a fixed sentence that says what is wrong with it."""

import io
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.provider_connection import ConnectionStatus
from infrastructure.commands.importing.lines import MAX_LINE_BYTES, BadLine, connection_of, lines_of

NOW = datetime(2026, 3, 4, tzinfo=UTC)
FULL: dict[str, object] = {
    "id": "0192f0c1-2345-7abc-8def-0123456789ab",
    "user_id": "0192f0c1-2345-7abc-8def-000000000001",
    "provider_id": "0192f0c1-2345-7abc-8def-000000000002",
    "provider_slug": "schwab",
    "status": "active",
    "alias": "My IRA",
    "provider_account_id": "account-1",
    "connected_at": "2026-01-02T03:04:05+02:00",
    "last_sync_at": None,
    "credentials": {
        "type": "oauth2",
        "data": {"refresh_token": "s3cret"},
        "expires_at": "2027-01-01T00:00:00Z",
    },
}
CREDENTIALS = {"type": "oauth2", "data": {"refresh_token": "s3cret"}}


def encrypt(data: bytes) -> bytes:
    return b"encrypted " + data[::-1]


def line(**changes: object) -> bytes:
    return json.dumps(FULL | changes).encode()


def test_a_full_line_is_taken_as_it_is() -> None:
    connection = connection_of(line(), encrypt, NOW)
    assert connection.id == UUID("0192f0c1-2345-7abc-8def-0123456789ab")
    assert connection.user_id == UUID("0192f0c1-2345-7abc-8def-000000000001")
    assert connection.provider_id == UUID("0192f0c1-2345-7abc-8def-000000000002")
    assert connection.provider_slug == "schwab"
    assert connection.status is ConnectionStatus.ACTIVE
    assert connection.alias == "My IRA"
    assert connection.provider_account_id == "account-1"
    assert connection.connected_at == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert connection.last_sync_at is None
    assert connection.created_at == connection.updated_at == NOW
    assert connection.version == 1


def test_credentials_are_encrypted_and_nothing_else_of_them_is_kept() -> None:
    credentials = connection_of(line(), encrypt, NOW).credentials
    assert credentials is not None
    assert credentials.encrypted_data == encrypt(b'{"refresh_token":"s3cret"}')
    assert credentials.credential_type == "oauth2"
    assert credentials.expires_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_short_line_is_enough_and_gets_an_id_of_its_own() -> None:
    short = {key: FULL[key] for key in ("user_id", "provider_id", "provider_slug")}
    text = json.dumps(short | {"status": "pending"}).encode()
    first, second = (connection_of(text, encrypt, NOW) for _ in range(2))
    assert first.id != second.id
    assert first.id.version == 7
    assert (first.credentials, first.alias, first.connected_at) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"rubbish", "it is not a JSON object"),
        (b"[]", "it is not a JSON object"),
        (b'{"user_id": "\xff"}', "it is not a JSON object"),
        (b"[" * 100_000, "it is not a JSON object"),
        (line()[:-1], "it is not a JSON object"),
        (line(id=None), "`id` is not a UUID"),
        (line(id=7), "`id` is not a UUID"),
        (line(user_id="alice"), "`user_id` is not a UUID"),
        (line(provider_slug=""), "`provider_slug` is not a text of 1 to 50 characters"),
        (line(provider_slug="s" * 51), "`provider_slug` is not a text of 1 to 50 characters"),
        (line(provider_slug="a\0b"), "`provider_slug` is not a text of 1 to 50 characters"),
        (line(alias="a" * 101), "`alias` is not a text of at most 100 characters"),
        (
            line(provider_account_id=""),
            "`provider_account_id` is not a text of 1 to 255 characters",
        ),
        (line(provider_account_id=7), "`provider_account_id` is not a text of 1 to 255 characters"),
        (line(alias=5), "`alias` is not a text of at most 100 characters"),
        (
            line(status="ACTIVE"),
            "`status` is none of pending, active, expired, revoked, failed, disconnected",
        ),
        (
            line(connected_at="2026-01-02T03:04:05"),
            "`connected_at` is not a time with a zone, such as 2026-01-02T03:04:05Z",
        ),
        (
            line(last_sync_at=1700000000),
            "`last_sync_at` is not a time with a zone, such as 2026-01-02T03:04:05Z",
        ),
        *(
            (
                line(connected_at=text),
                "`connected_at` is not a time with a zone, such as 2026-01-02T03:04:05Z",
            )
            for text in (
                "20260102",
                "2026-01-02",
                "1700000000",
                "1700000000000",
                "20260102T030405Z",
                "2026-W01-5T03:04:05Z",
                "2026-01-02T03:04Z",
                "2026-01-02T03:04:05+0200",
                "\uff12026-01-02T03:04:05Z",
            )
        ),
        (line(connected_at="0001-01-01T00:00:00+14:00"), "a time is out of range"),
        (line(connected_at="0001-01-01T00:00:00Z"), "a time is out of range"),
        (line(connected_at="9999-12-31T23:59:59.999999Z"), "a time is out of range"),
        (line(last_sync_at="2026-02-30T00:00:00Z"), "a time is out of range"),
        *(
            (
                line().replace(b'"s3cret"', number),
                "`credentials.data` has a number that JSON does not know",
            )
            for number in (b"NaN", b"Infinity", b"1e999", b'["NaN", -Infinity]')
        ),
        *(
            (
                line().replace(b'"s3cret"', number),
                "`credentials.data` has a number that is not exact: use a string",
            )
            for number in (b"18446744073709551617", b"-9223372036854775809", b"9" * 400)
        ),
        (line(credentials=None), "an active connection needs credentials"),
        (line(status="disconnected"), "a disconnected connection has no credentials"),
        (line(credentials="s3cret"), "`credentials` is not an object with a type and data"),
        (line(credentials={"type": "oauth2"}), "`credentials.data` is missing"),
        (
            line(credentials=CREDENTIALS | {"data": "s3cret"}),
            "`credentials.data` is not an object with 1 member or more",
        ),
        (
            line(credentials=CREDENTIALS | {"data": {}}),
            "`credentials.data` is not an object with 1 member or more",
        ),
        (
            line(credentials=CREDENTIALS | {"type": ""}),
            "`credentials.type` is not a text of 1 character or more",
        ),
        (
            line(credentials=CREDENTIALS | {"expires_at": "soon"}),
            "`credentials.expires_at` is not a time with a zone, such as 2026-01-02T03:04:05Z",
        ),
        (
            line(credentials=CREDENTIALS | {"token": "s3cret"}),
            "`credentials.token` is not a field of a line",
        ),
        *(
            (line()[:-1] + doubled, "two members of an object have the same name")
            for doubled in (
                b', "alias": "other"}',
                b', "credentials": {"type": "oauth2", "data": {"token": "a", "token": "s3cret"}}}',
            )
        ),
        (line(credentails=CREDENTIALS), "`credentails` is not a field of a line"),
        (b"{}", "`user_id` is missing"),
    ],
)
def test_a_bad_line_has_one_reason_without_its_values(text: bytes, reason: str) -> None:
    with pytest.raises(BadLine) as raised:
        connection_of(text, encrypt, NOW)
    assert str(raised.value) == reason


def test_text_in_credentials_may_look_like_a_number() -> None:
    text = line().replace(b"s3cret", b"NaN Infinity")
    credentials = connection_of(text, encrypt, NOW).credentials
    assert credentials is not None
    assert credentials.encrypted_data == encrypt(b'{"refresh_token":"NaN Infinity"}')


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    file = io.BytesIO(b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n")
    assert list(lines_of(file)) == [(1, b"{}\n"), (2, b"\xef\xbb\xbf{}\n")]


def test_lines_are_numbered_from_one() -> None:
    assert list(lines_of(io.BytesIO(b"a\n\nc"))) == [(1, b"a\n"), (2, b"\n"), (3, b"c")]


def test_an_endless_line_does_not_fill_the_memory() -> None:
    file = io.BytesIO(b"x" * (3 * MAX_LINE_BYTES + 7) + b"\nnext\n")
    (_, endless), after = lines_of(file)
    assert len(endless) == MAX_LINE_BYTES + 1
    assert after == (2, b"next\n")
    with pytest.raises(BadLine, match="longer than 1 MiB"):
        connection_of(endless, encrypt, NOW)
