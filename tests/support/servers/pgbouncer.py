"""A real proxy that pools transactions."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.support.servers.postgres import PostgresServer
from tests.support.servers.process import UNPRIVILEGED, accepts, free_port, wait_until


class PgBouncer:
    """Debian's PgBouncer in front of a PostgreSQL server, pooling transactions."""

    def __init__(self, server: PostgresServer) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="unplug-pgbouncer-"))
        self._process: subprocess.Popen[bytes] | None = None
        (self._folder / "pgbouncer.ini").write_text(
            f"""
            [databases]
            * = host=127.0.0.1 port={server.port} user=postgres
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {self.port}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = 4
            """.replace("            ", "")
        )

    @staticmethod
    def program() -> str | None:
        return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")

    def start(self) -> None:
        program = self.program()
        if program is None:
            raise FileNotFoundError("pgbouncer")
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            as_user = {"user": UNPRIVILEGED, "extra_groups": []}
            shutil.chown(self._folder, UNPRIVILEGED)
        self._process = subprocess.Popen(
            [program, "-q", str(self._folder / "pgbouncer.ini")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_user,
        )
        wait_until(lambda: accepts(self.port), self._process)

    def remove(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
