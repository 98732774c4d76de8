"""Listening sockets."""

import errno
import socket
from contextlib import ExitStack

from infrastructure.failures import InUse, OperatorError

SEND_BUFFER = 64 * 1024
"""Of each connection, in the kernel, which doubles it. By itself it grows to megabytes, of which
the process knows nothing."""


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises `OperatorError`, `InUse` for a port."""
    return _bound(host, port, shared=False)


def listen_together(host: str, port: int, count: int) -> list[socket.socket]:
    """Bound sockets of one port: each connection goes to one of those that listen.

    Port 0 takes a free one. Raises as `listen` does.
    """
    # A port of another server of this user that is shared as well would be no error.
    with listen(host, port) as alone, ExitStack() as stack:
        port = alone.getsockname()[1]
        bound = [stack.enter_context(_bound(host, port, shared=True)) for _ in range(count)]
        stack.pop_all()
        return bound


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # connections inherit it
    try:
        server.bind((host, port))
    except (OSError, UnicodeError) as error:  # UnicodeError: no host name at all
        server.close()
        raise _cannot_listen(host, port, error) from None
    return server


def _cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> OperatorError:
    where = f"Can't listen on {host}:{port}"
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return InUse(f"{where}: the port is taken. Choose another (port 0 takes a free one).")
        case OSError(errno=errno.EACCES):
            return OperatorError(f"{where}: this user may not. Choose a port above 1023.")
        case OSError(errno=errno.EADDRNOTAVAIL):
            return OperatorError(
                f"{where}: not an address of this machine. "
                "127.0.0.1 serves this machine, 0.0.0.0 all networks."
            )
        case socket.gaierror() | UnicodeError():
            return OperatorError(f"{where}: the host can't be resolved. Correct --host.")
        case _:
            return OperatorError(f"{where}: {error.strerror or type(error).__name__}.")


def origin_of(server: socket.socket) -> str:
    """Where browsers on this machine reach it, such as `http://127.0.0.1:8000`."""
    host, port = server.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
