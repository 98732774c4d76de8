"""UUIDs and times: PostgreSQL's driver gives values, SQLite text."""

from datetime import datetime
from uuid import UUID


def as_uuid(value: UUID | str) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def uuid_or_none(value: UUID | str | None) -> UUID | None:
    return None if value is None else as_uuid(value)


def as_time(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def time_or_none(value: datetime | str | None) -> datetime | None:
    return None if value is None else as_time(value)
