"""How long, with which seed, and where the summaries go."""

import random

import pytest

REPORT = "resilience"
"""The property of a test that has its summary."""


@pytest.fixture
def resilience_seconds(request: pytest.FixtureRequest) -> float:
    """For how long things go wrong."""
    return float(request.config.getoption("--resilience-seconds"))


@pytest.fixture
def resilience_seed(request: pytest.FixtureRequest) -> str:
    """Given, or another one each time."""
    seed = request.config.getoption("--resilience-seed")
    return str(seed) if seed else str(random.randrange(1_000_000))  # noqa: S311


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    ended = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    summaries = [text for test in ended for name, text in test.user_properties if name == REPORT]
    if summaries:
        terminalreporter.section("resilience")
    for summary in summaries:
        terminalreporter.write_line(str(summary))
