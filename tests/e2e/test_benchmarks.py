"""Every figure can be measured, its answers verified. What it comes to is no test's business."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import FIGURES
from tests.support.servers.postgres import postgres_programs

ROOT = Path(__file__).parents[2]
ROWS = {
    "sqlite": 4,
    "postgres": 2,
    "graphql": 1,
    "latency": 1,
    "delivery": 2,
    "delay": 1,
    "memory": 2,
    "growth": 3,
    "floods": 6,
    "services": 2,
    "worst-user": 1,
    "fan-out": 1,
    "webhooks": 1,
    "everything": 1,
    "revocation": 2,
    "peers": 6,
    "incident": 1,
    "workers": 1,
    "start": 2,
}


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_is_measured(figure: str) -> None:
    if figure in {"postgres", "peers", "workers"}:
        postgres_programs()  # skips the test where there is none
    command = [sys.executable, "-m", "benchmarks", "--rounds", "1", "--seconds", "0.2"]
    done = subprocess.run(
        [*command, "--figure", figure],
        env=os.environ | {"BENCHMARKS_SCALE": "0.1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [line for line in done.stdout.splitlines() if "reached" in line or "missed" in line]
    assert len(rows) == ROWS[figure], done.stderr
