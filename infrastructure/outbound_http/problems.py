"""Why a request has no response, without the library's words: they may quote a URL."""

import contextlib
import ssl
from collections.abc import Iterator
from enum import StrEnum

import httpcore2


class Problem(StrEnum):
    """Why there is no response. After `TIMED_OUT` and `BROKEN` the server may have acted."""

    ADDRESS_REFUSED = "address_refused"
    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate"
    TIMED_OUT = "timed_out"
    BROKEN = "broken"
    TOO_LARGE = "too_large"


class NoResponse(Exception):
    """A request had no complete response. Its text is the problem alone, never the URL."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@contextlib.contextmanager
def as_no_response() -> Iterator[None]:
    """Every way in which a request can fail, as a `NoResponse` without the library's words."""
    try:
        yield
    except (TimeoutError, httpcore2.TimeoutException):
        raise NoResponse(Problem.TIMED_OUT) from None
    except httpcore2.ConnectError as error:
        refused = _caused_by(error, ssl.SSLCertVerificationError)
        raise NoResponse(Problem.CERTIFICATE if refused else Problem.UNREACHABLE) from None
    except (httpcore2.ProxyError, httpcore2.UnsupportedProtocol, ValueError):
        # The last one for URLs and host names that nothing can be reached by.
        raise NoResponse(Problem.UNREACHABLE) from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError):
        raise NoResponse(Problem.BROKEN) from None


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None
