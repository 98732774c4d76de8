"""Deliveries of webhooks as version 4 of the schema has them."""

from uuid import UUID

COLUMNS = ("endpoint_id", "user_id", "position", "head", "stopped")
ENDPOINT = UUID(int=1)
BEHIND, UP_TO_DATE, STOPPED = (UUID(int=number) for number in (2, 3, 4))
ROWS = [
    (ENDPOINT, BEHIND, 1, 2, False),
    (ENDPOINT, UP_TO_DATE, 2, 2, False),
    (ENDPOINT, STOPPED, 1, 2, True),
]
