"""A node's metrics, for Prometheus."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import HistogramMetricFamily, Metric

from infrastructure.failures import OperatorError

COMMAND_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 300)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMeasurement:
    """An endpoint's state, the last status that it answered, and how far it is behind."""

    state: str
    last_status: str
    behind: int
    oldest_seconds: float


class Metrics:
    """Implements the GraphQL layer's `Telemetry`, and counts what the adapters do."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._commands = Histogram(
            "unplug_command_seconds",
            "Disconnect commands by outcome.",
            ["outcome"],
            buckets=COMMAND_SECONDS,
            registry=registry,
        )
        self._batches = Histogram(
            "unplug_commit_batch_size",
            "Writes that were committed together.",
            buckets=BATCH_SIZES,
            registry=registry,
        )
        self._subscriptions = Gauge(
            "unplug_live_subscriptions",
            "Subscriptions that are open.",
            ["transport"],
            registry=registry,
        )
        self._limits = Counter(
            "unplug_limits_hit",
            "Requests, connections and operations that a limit refused or ended, by limit.",
            ["limit"],
            registry=registry,
        )
        self._wake_ups = Counter(
            "unplug_wake_ups",
            "Wake-ups sent to other nodes, received from them, and missed (found by the sweep).",
            ["way"],
            registry=registry,
        )
        self._open_attempts = Gauge(
            "unplug_open_attempts",
            "Attempts without an outcome, at the last sweep.",
            registry=registry,
        )
        self._revocations = Histogram(
            "unplug_revocation_seconds",
            "Tries to end tokens at a provider, by provider and outcome: the evidence, the reason "
            "of a failure, or postponed.",
            ["provider", "outcome"],
            buckets=COMMAND_SECONDS,
            registry=registry,
        )
        self._pending = Gauge(
            "unplug_revocations_pending",
            "Revocations without an outcome, on all nodes.",
            registry=registry,
        )
        self._oldest = Gauge(
            "unplug_revocations_oldest_seconds",
            "Age of the oldest revocation without an outcome.",
            registry=registry,
        )
        self._pool = Gauge(
            "unplug_database_connections",
            "Connections of the pool, used and idle.",
            ["state"],
            registry=registry,
        )
        self._webhook_requests = Counter(
            "unplug_webhook_requests",
            "Requests to webhooks, by endpoint and status (or the reason why there was none).",
            ["endpoint", "status"],
            registry=registry,
        )
        self._webhook_behind = Gauge(
            "unplug_webhook_users_behind",
            "Users with events that a webhook has not received; stopped ones are not counted.",
            ["endpoint"],
            registry=registry,
        )
        self._webhook_oldest = Gauge(
            "unplug_webhook_oldest_seconds",
            "How long one of the users behind has waited.",
            ["endpoint"],
            registry=registry,
        )
        self._webhook_state = Gauge(
            "unplug_webhook_state",
            "1 for the state that a webhook is in, and for the last status that it answered.",
            ["endpoint", "state", "last_status"],
            registry=registry,
        )
        self._sent = self._wake_ups.labels("sent")
        self._received = self._wake_ups.labels("received")
        self._missed = self._wake_ups.labels("missed")
        self._lag = _Lag()
        registry.register(self._lag)

    def command_finished(self, outcome: str, seconds: float) -> None:
        self._commands.labels(outcome).observe(seconds)

    def subscription_started(self, transport: str) -> None:
        self._subscriptions.labels(transport).inc()

    def subscription_ended(self, transport: str) -> None:
        self._subscriptions.labels(transport).dec()

    def event_sent(self, occurred_at: datetime) -> None:
        self._lag.observe((datetime.now(UTC) - occurred_at).total_seconds())

    def limit_hit(self, limit: str) -> None:
        self._limits.labels(limit).inc()

    def batch_committed(self, size: int) -> None:
        """`size` writes in one transaction."""
        self._batches.observe(size)

    def wake_ups_sent(self, count: int) -> None:
        self._sent.inc(count)

    def wake_ups_received(self, count: int) -> None:
        self._received.inc(count)

    def wake_ups_missed(self, count: int) -> None:
        self._missed.inc(count)

    def attempts_open(self, count: int) -> None:
        self._open_attempts.set(count)

    def webhook_answered(self, endpoint_id: UUID, status: str) -> None:
        self._webhook_requests.labels(str(endpoint_id), status).inc()

    def webhooks_measured(self, found: Mapping[UUID, WebhookMeasurement]) -> None:
        """All that there are: others' series end."""
        for gauge in (self._webhook_behind, self._webhook_oldest, self._webhook_state):
            gauge.clear()
        for endpoint_id, measured in found.items():
            name = str(endpoint_id)
            self._webhook_behind.labels(name).set(measured.behind)
            self._webhook_oldest.labels(name).set(measured.oldest_seconds)
            self._webhook_state.labels(name, measured.state, measured.last_status).set(1)

    def revocation_tried(self, provider: str, outcome: str, seconds: float) -> None:
        self._revocations.labels(provider, outcome).observe(seconds)

    def revocations_pending(self, count: int, oldest: float) -> None:
        self._pending.set(count)
        self._oldest.set(oldest)

    def watch_pool(self, used: Callable[[], int], idle: Callable[[], int]) -> None:
        """Both are called at each scrape, from the metrics server's thread."""
        self._pool.labels("used").set_function(used)
        self._pool.labels("idle").set_function(idle)


@contextmanager
def metrics_server(registry: CollectorRegistry, host: str, port: int) -> Iterator[int]:
    """Serves `/metrics` on its own address, from its own thread; yields the port.

    Raises `OperatorError` when it can't listen on the address.
    """
    try:
        server, thread = start_http_server(port, host, registry=registry)
    except OSError as error:
        reason = error.strerror or error
        raise OperatorError(f"Can't serve metrics on {host}:{port}: {reason}.") from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Lag:
    """A histogram that costs a fraction of the library's: it observes every frame that is sent."""

    def __init__(self) -> None:
        self._counts = [0] * (len(LAG_SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(LAG_SECONDS, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Iterator[Metric]:
        buckets, total = [], 0
        for bound, count in zip((*LAG_SECONDS, float("inf")), self._counts, strict=True):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else str(bound), float(total)))
        yield HistogramMetricFamily(
            "unplug_delivery_lag_seconds",
            "From an event's time, just before its commit, to its frame on a socket.",
            buckets=buckets,
            sum_value=self._sum,
        )
