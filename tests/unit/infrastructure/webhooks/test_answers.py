"""What answers mean, and the specification's schedule."""

from datetime import UTC, datetime

import pytest

from infrastructure.outbound_http import NoResponse, OutboundResponse, Problem
from infrastructure.webhooks.answers import (
    JITTER,
    SCHEDULE,
    TRIES,
    Meaning,
    answer_of,
    no_answer,
    pause_after,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        ((200, 201, 202, 204, 299), Meaning.DELIVERED),
        ((300, 301, 302, 304, 307, 308), Meaning.EVENT_REFUSED),
        ((400, 401, 403, 404, 408, 409, 413, 422), Meaning.EVENT_REFUSED),
        ((410,), Meaning.GONE),
        ((429, 500, 501, 502, 503, 504, 599), Meaning.ENDPOINT_FAILED),
    ],
)
def test_what_a_status_means(statuses: tuple[int, ...], meaning: Meaning) -> None:
    for status in statuses:
        response = OutboundResponse(status=status, headers={}, body=b"secret")
        answer = answer_of(response, NOW)
        assert (answer.meaning, answer.status) == (meaning, str(status))


@pytest.mark.parametrize("problem", Problem)
def test_no_answer_is_the_endpoints_failure(problem: Problem) -> None:
    answer = no_answer(NoResponse(problem))
    assert (answer.meaning, answer.status) == (Meaning.ENDPOINT_FAILED, problem.value)


def test_ten_tries_span_three_days() -> None:
    assert TRIES == 10
    assert 3 * 86_400 < sum(SCHEDULE) < 3.2 * 86_400
    assert pause_after(TRIES, None) is None


@pytest.mark.parametrize("tries", range(1, TRIES))
def test_pauses_are_the_schedules_with_jitter(tries: int) -> None:
    pauses = {pause_after(tries, None) or 0 for _ in range(100)}
    assert len(pauses) > 90
    assert min(pauses) >= SCHEDULE[tries - 1]
    assert max(pauses) <= SCHEDULE[tries - 1] * (1 + JITTER)


def test_retry_after_makes_a_pause_longer_and_never_shorter() -> None:
    assert 3600 <= (pause_after(1, 3600) or 0) <= 3960
    assert (pause_after(4, 1) or 0) >= SCHEDULE[3]
    assert (pause_after(1, 10**9) or 0) <= 86_400 * (1 + JITTER)
