"""Several workers' metrics, read from one address as Prometheus does."""

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from infrastructure.observability.metrics import Metrics, metrics_server
from infrastructure.observability.worker_metrics import WorkerMetrics, published


@pytest.fixture
def paths(tmp_path: Path) -> dict[int, Path]:
    return {worker: tmp_path / str(worker) for worker in range(2)}


@pytest.fixture
def workers(paths: dict[int, Path]) -> Iterator[list[Metrics]]:
    with ExitStack() as stack:
        found = [Metrics() for _ in paths]
        for metrics, path in zip(found, paths.values(), strict=True):
            stack.enter_context(published(metrics.registry, path))
        yield found


def scrape(collected: WorkerMetrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    with (
        metrics_server(collected.registry, "127.0.0.1", 0) as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response,
    ):
        text = response.read().decode()
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    samples = [sample for family in families for sample in family.samples]
    found = {(s.name, frozenset(s.labels.items())): s.value for s in samples}
    assert len(found) == len(samples)
    return found


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_each_series_has_its_workers_label(paths: dict[int, Path], workers: list[Metrics]) -> None:
    for count, metrics in enumerate(workers, start=1):
        for _ in range(count):
            metrics.command_finished("success", 0.004)
            metrics.limit_hit("max_depth")
        metrics.attempts_open(10 * count)

    seen = scrape(WorkerMetrics(paths))

    for worker, count in (("0", 1), ("1", 2)):
        outcome = {"outcome": "success", "worker": worker}
        assert seen[key("unplug_command_seconds_count", **outcome)] == count
        assert seen[key("unplug_command_seconds_bucket", le="0.0025", **outcome)] == 0
        assert seen[key("unplug_command_seconds_bucket", le="+Inf", **outcome)] == count
        assert seen[key("unplug_limits_hit_total", limit="max_depth", worker=worker)] == count
        assert seen[key("unplug_open_attempts", worker=worker)] == 10 * count


def test_labels_with_any_text_arrive_as_they_are(
    paths: dict[int, Path], workers: list[Metrics]
) -> None:
    text = 'a "quoted" \\ back\nslash'
    workers[0].limit_hit(text)

    assert scrape(WorkerMetrics(paths))[key("unplug_limits_hit_total", limit=text, worker="0")] == 1


def test_a_worker_that_is_away_is_left_out(paths: dict[int, Path], tmp_path: Path) -> None:
    collected = WorkerMetrics(paths)
    with published(Metrics().registry, paths[1]):
        collected.restarted(0)

        seen = scrape(collected)

    assert key("unplug_open_attempts", worker="0") not in seen
    assert seen[key("unplug_open_attempts", worker="1")] == 0
    assert seen[key("unplug_worker_restarts_total", worker="0")] == 1
    assert seen[key("unplug_worker_restarts_total", worker="1")] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_worker_takes_the_place_of_one_that_was_killed(paths: dict[int, Path]) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(paths[0]))
    metrics = Metrics()
    metrics.attempts_open(3)
    with published(metrics.registry, paths[0]):
        assert scrape(WorkerMetrics(paths))[key("unplug_open_attempts", worker="0")] == 3
