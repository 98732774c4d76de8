from tests.support.servers.postgres import PostgresServer

__all__ = ["PostgresServer"]
