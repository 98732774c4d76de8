"""A plugin of pytest: which test runs which lines, and how long each test takes."""

import json
import os
from collections.abc import Generator, Mapping
from pathlib import Path

import coverage
import pytest

SECONDS = "RECORDED_SECONDS"
"""The environment variable that names the file for the tests' durations."""

_seconds: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A context of coverage's for each test, its fixtures included."""
    measured = coverage.Coverage.current()
    assert measured is not None, "run it under coverage"
    measured.switch_context(_function(item.nodeid))
    try:
        return (yield)
    finally:
        measured.switch_context("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name = _function(report.nodeid)
    _seconds[name] = _seconds.get(name, 0.0) + report.duration
    if not report.passed:
        _failed.add(name)


def pytest_sessionfinish() -> None:
    passed = {name: taken for name, taken in _seconds.items() if name not in _failed}
    Path(os.environ[SECONDS]).write_text(json.dumps(passed), encoding="utf-8")


def _function(node_id: str) -> str:
    """Without its parameters, some of which no command line can name."""
    return node_id.partition("[")[0]


class Covering:
    """What a recorded run says about the tests of a line. Tests that did not pass say nothing."""

    def __init__(self, data: Path, seconds: Path) -> None:
        self._data = coverage.CoverageData(str(data))
        self._data.read()
        self._seconds: Mapping[str, float] = json.loads(seconds.read_text(encoding="utf-8"))

    @property
    def all_tests(self) -> list[str]:
        """Functions of tests, as a command line names them."""
        return list(self._seconds)

    def tests(self, module: Path, line: int) -> list[tuple[str, float]]:
        """With their durations in seconds; the shortest first.

        A line that also runs outside of tests, when modules are imported, has all its module's.
        """
        by_line = self._data.contexts_by_lineno(str(module))
        contexts = set(by_line.get(line, ()))
        if "" in contexts:
            contexts.update(*by_line.values())
        return sorted(
            ((test, self._seconds[test]) for test in contexts if test in self._seconds),
            key=lambda found: found[1],
        )
