"""How long, and with which seed."""

import random

import pytest


@pytest.fixture
def resilience_seconds(request: pytest.FixtureRequest) -> float:
    """For how long things go wrong."""
    return float(request.config.getoption("--resilience-seconds"))


@pytest.fixture
def resilience_seed(request: pytest.FixtureRequest) -> str:
    """Given, or another one each time."""
    seed = request.config.getoption("--resilience-seed")
    return str(seed) if seed else str(random.randrange(1_000_000))  # noqa: S311
