"""Identifiers as types of their own: each is a UUID, and none can stand in for another."""

from typing import NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
"""An app user: the `sub` of a viewer's access token."""

ConnectionId = NewType("ConnectionId", UUID)
"""A provider connection."""

ProviderId = NewType("ProviderId", UUID)
"""A data provider."""

AttemptId = NewType("AttemptId", UUID)
"""One run of a command; ties its `Attempted` to its one outcome."""

EventId = NewType("EventId", UUID)
"""A lifecycle event."""

BatchId = NewType("BatchId", UUID)
"""Commands that were asked for together."""
