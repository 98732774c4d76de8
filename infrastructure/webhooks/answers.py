"""What the answer to a delivery means, and when the next try is."""

import random
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from infrastructure.outbound_http import NoResponse, OutboundResponse

SCHEDULE = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds from each failed try to the next: the specification's ten tries in three days."""
TRIES = len(SCHEDULE) + 1
JITTER = 0.1
LONGEST_PAUSE = 86_400.0
"""Of what `Retry-After` may ask for."""

_THROTTLED = 429
_GONE = 410


class Meaning(Enum):
    """What follows from an answer."""

    DELIVERED = auto()
    ENDPOINT_FAILED = auto()
    """Other events would fare no better: no connection, no answer in time, 429, 5xx."""
    EVENT_REFUSED = auto()
    """Other users' events may be accepted: redirects and other statuses below 500."""
    GONE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """To one try. `status` is the response's, or why there was none; nothing else is kept."""

    meaning: Meaning
    status: str
    retry_after: float | None = None


def answer_of(response: OutboundResponse, now: datetime) -> Answer:
    """Of a complete response; its body does not matter."""
    return Answer(
        meaning=_meaning(response.status),
        status=str(response.status),
        retry_after=response.retry_after(now),
    )


def no_answer(error: NoResponse) -> Answer:
    """The receiver may have taken the event all the same, and gets it again."""
    return Answer(meaning=Meaning.ENDPOINT_FAILED, status=error.problem.value)


def pause_after(tries: int, retry_after: float | None) -> float | None:
    """Seconds until the next try, when so many have failed; None when there is none.

    Up to a tenth longer at random, and not before the time that `Retry-After` asked for.
    """
    if tries >= TRIES:
        return None
    pause = max(float(SCHEDULE[tries - 1]), min(retry_after or 0.0, LONGEST_PAUSE))
    return pause * random.uniform(1, 1 + JITTER)  # noqa: S311 (spreads load, protects nothing)


def _meaning(status: int) -> Meaning:
    if 200 <= status < 300:
        return Meaning.DELIVERED
    if status == _GONE:
        return Meaning.GONE
    if status == _THROTTLED or status >= 500:
        return Meaning.ENDPOINT_FAILED
    return Meaning.EVENT_REFUSED
