import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from infrastructure.observability.metrics import Metrics, metrics_server
from schema.admission.telemetry import Telemetry


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def port(metrics: Metrics) -> Iterator[int]:
    with metrics_server(metrics.registry, "127.0.0.1", 0) as port:
        yield port


def scrape(port: int) -> dict[str, float]:
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url) as response:
        lines = response.read().decode().splitlines()
    samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in samples}


def test_operators_see_what_a_node_does(metrics: Metrics, port: int) -> None:
    telemetry: Telemetry = metrics
    metrics.command_finished("success", 0.004)
    telemetry.subscription_started("websocket")
    telemetry.subscription_started("sse")
    telemetry.subscription_ended("sse")
    telemetry.limit_hit("max_depth")
    telemetry.event_sent(datetime.now(UTC) - timedelta(seconds=2))
    metrics.batch_committed(3)
    metrics.wake_ups_sent(2)
    metrics.wake_ups_received(3)
    metrics.wake_ups_missed(1)
    metrics.attempts_open(4)
    metrics.revocation_tried("acme", "accepted", 0.2)
    metrics.revocation_tried("acme", "postponed", 3.5)
    metrics.revocations_pending(7, 90.5)
    metrics.watch_pool(lambda: 5, lambda: 6)

    seen = scrape(port)

    assert seen['unplug_command_seconds_count{outcome="success"}'] == 1
    assert seen['unplug_live_subscriptions{transport="websocket"}'] == 1
    assert seen['unplug_live_subscriptions{transport="sse"}'] == 0
    assert seen['unplug_limits_hit_total{limit="max_depth"}'] == 1
    assert seen['unplug_delivery_lag_seconds_bucket{le="1"}'] == 0
    assert seen['unplug_delivery_lag_seconds_bucket{le="2.5"}'] == 1
    assert seen["unplug_delivery_lag_seconds_count"] == 1
    assert seen['unplug_commit_batch_size_bucket{le="2.0"}'] == 0
    assert seen['unplug_commit_batch_size_bucket{le="4.0"}'] == 1
    assert seen['unplug_wake_ups_total{way="sent"}'] == 2
    assert seen['unplug_wake_ups_total{way="received"}'] == 3
    assert seen['unplug_wake_ups_total{way="missed"}'] == 1
    assert seen["unplug_open_attempts"] == 4
    tried = "unplug_revocation_seconds"
    assert seen[f'{tried}_count{{outcome="accepted",provider="acme"}}'] == 1
    assert seen[f'{tried}_sum{{outcome="postponed",provider="acme"}}'] == 3.5
    assert seen["unplug_revocations_pending"] == 7
    assert seen["unplug_revocations_oldest_seconds"] == 90.5
    assert seen['unplug_database_connections{state="used"}'] == 5
    assert seen['unplug_database_connections{state="idle"}'] == 6
