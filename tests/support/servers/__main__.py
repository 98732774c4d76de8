"""PostgreSQL, and the guide's nginx and HAProxy in front of two ports, until standard input ends.

    python -m tests.support.servers PORT PORT

Prints one line: PostgreSQL's port, those of the proxies, and the folder of PostgreSQL's programs.
"""

import sys

from tests.support.servers.postgres import PostgresServer, postgres_programs
from tests.support.servers.proxies import deployed


def main() -> None:
    """Leaves nothing behind."""
    first, second = map(int, sys.argv[1:])
    server = PostgresServer()
    try:
        server.start()
        with (
            deployed("nginx", (first, second)) as nginx,
            deployed("haproxy", (first, second)) as haproxy,
        ):
            sys.stdout.write(f"{server.port} {nginx} {haproxy} {postgres_programs()}\n")
            sys.stdout.flush()
            sys.stdin.read()
    finally:
        server.remove()


if __name__ == "__main__":
    main()
