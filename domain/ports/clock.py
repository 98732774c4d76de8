"""Time and new ids, which handlers are given as functions."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

Now: TypeAlias = Callable[[], datetime]
"""The time, in UTC."""


NewId: TypeAlias = Callable[[], UUID]
"""A new UUIDv7 (RFC 9562)."""
