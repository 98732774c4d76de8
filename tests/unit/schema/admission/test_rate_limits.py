"""Windows of one second, for each caller."""

import pytest

from schema.admission.rate_limits import CallerRate, FixedWindowCounter
from schema.errors import Limit, Refused
from tests.unit.schema.wire import ADA, BOB, CountingTelemetry


class Clock:
    """Monotonic seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_window_begins_with_a_keys_first_hit_and_ends_a_second_later() -> None:
    clock = Clock()
    counter = FixedWindowCounter(3, clock)
    assert [counter.hit("a") for _ in range(4)] == [True, True, True, False]
    clock.now += 0.99
    assert not counter.hit("a")
    clock.now += 0.01
    assert [counter.hit("a") for _ in range(4)] == [True, True, True, False]


def test_what_is_refused_does_not_count() -> None:
    counter = FixedWindowCounter(10, Clock())
    assert counter.hit("a", 4)
    assert not counter.hit("a", 7)
    assert counter.hit("a", 6)
    assert not counter.hit("b", 11)


def test_idle_keys_cost_nothing() -> None:
    clock = Clock()
    counter = FixedWindowCounter(1, clock)
    for key in range(1_000):
        assert counter.hit(key)
    assert len(counter._windows) == 1_000
    clock.now += 1.0
    assert counter.hit("a")
    assert len(counter._windows) == 1


def test_a_refusal_says_when_to_try_again_and_is_counted() -> None:
    telemetry = CountingTelemetry()
    rate = CallerRate(Limit.MUTATIONS, 2, telemetry)
    rate.admit(ADA, 2)
    rate.admit(BOB, 1)
    with pytest.raises(Refused) as refused:
        rate.admit(ADA, 1)
    [error] = refused.value.errors
    assert error.extensions == {"code": "RATE_LIMITED", "retryAfter": 1}
    assert telemetry.limits == ["mutations"]
