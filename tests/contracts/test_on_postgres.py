"""Runs the suites of this folder on PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

from tests.contracts.postgres_world import SERVER
from tests.servers import PostgresServer

DEADLINE = 300.0


def test_the_suites_pass_on_postgres(postgres_server: PostgresServer) -> None:
    suites = sorted(Path(__file__).parent.glob("test_*.py"))
    this, wake_ups = Path(__file__), Path(__file__).with_name("test_wake_ups.py")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *(str(suite) for suite in suites if suite not in {this, wake_ups}),
        ],
        env=os.environ | {SERVER: postgres_server.url("postgres")},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
