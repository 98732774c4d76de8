"""How long, with which seed, and where the summaries go."""

import random

import pytest

REPORTS = pytest.StashKey[list[str]]()


@pytest.fixture
def resilience_seconds(request: pytest.FixtureRequest) -> float:
    """For how long things go wrong."""
    return float(request.config.getoption("--resilience-seconds"))


@pytest.fixture
def resilience_seed(request: pytest.FixtureRequest) -> str:
    """Given, or another one each time."""
    seed = request.config.getoption("--resilience-seed")
    return str(seed) if seed else str(random.randrange(1_000_000))  # noqa: S311


@pytest.fixture
def resilience_reports(request: pytest.FixtureRequest) -> list[str]:
    """Printed at the end."""
    return request.config.stash.setdefault(REPORTS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.config.stash.get(REPORTS, [])
    if reports:
        terminalreporter.section("resilience")
    for report in reports:
        terminalreporter.write_line(report)
