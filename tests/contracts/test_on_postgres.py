"""Runs the suites of this folder, and those of `tests/integration/postgres`, on PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.worlds.postgres_world import PROXY, SERVER
from tests.support.servers.pgbouncer import PgBouncer
from tests.support.servers.postgres import PostgresServer

CONTRACTS = Path(__file__).parent
NOT_ON_POSTGRES = ("test_on_postgres.py", "test_wake_ups.py")
DEADLINE = 600.0


def test_the_suites_pass_on_postgres(
    postgres_server: PostgresServer, pytestconfig: pytest.Config
) -> None:
    silent = f"--silent-users={pytestconfig.getoption('--silent-users')}"
    run(postgres_server, silent, CONTRACTS, CONTRACTS.parent / "integration" / "postgres")


def test_the_suites_pass_through_a_transaction_pooling_proxy(
    postgres_server: PostgresServer, pgbouncer: PgBouncer
) -> None:
    run(postgres_server, CONTRACTS, **{PROXY: str(pgbouncer.port)})


def run(server: PostgresServer, *arguments: Path | str, **environment: str) -> None:
    left_out = [f"--ignore={CONTRACTS / name}" for name in NOT_ON_POSTGRES]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"),
            *left_out,
            *arguments,
        ],
        env=os.environ | {SERVER: server.url("postgres")} | environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
