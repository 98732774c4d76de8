"""Figure 15: one user's events go to all the subscriptions that a user may have; others wait."""

from concurrent.futures import ThreadPoolExecutor

from benchmarks.databases import Sqlite
from benchmarks.figure import Row, Settings, alternating, amount
from benchmarks.mutations import EXPECTED
from benchmarks.processes import ws_load
from benchmarks.streams import init, mutation, subscribe
from benchmarks.unplug import Installation, token
from benchmarks.worst_user import SUBSCRIPTIONS, subscription
from benchmarks.ws_load import LAST, Plan

SOCKETS = amount(100)
"""As many as the settings permit one user."""
WIDE_RATE, NARROW_RATE = 2.0, 20.0
"""Commands a second of the user with many subscriptions, and of the one who waits."""
ALLOWED_MS = 20.0
LOUD, QUIET = 0, 1


def fan_out(settings: Settings) -> list[Row]:
    """What the 99th percentile of another user's delays is above the median of an idle server."""
    alone, beside = alternating(
        settings.rounds, lambda: _delays(settings)[0], lambda: _delays(settings, SOCKETS)[1]
    )
    return [
        Row(
            name=f"15 Another user's delay beside a fan-out to {SOCKETS * SUBSCRIPTIONS:,}"
            " subscriptions, p99 above p50 without",
            unit="ms",
            value=beside - alone,
            floor=ALLOWED_MS,
            floor_name="allowed",
            target=1.0,
            at="most",
        )
    ]


def _delays(settings: Settings, loud_sockets: int = 0) -> tuple[float, float]:
    """The quiet user's, at the 50th and 99th percentile."""
    seconds = settings.warm_up + settings.seconds
    wide, narrow = (max(2, round(rate * seconds)) for rate in (WIDE_RATE, NARROW_RATE))
    with (
        Sqlite().installation(users=2, connections=2 * max(wide, narrow)) as unplug,
        unplug.serving() as server,
        ThreadPoolExecutor() as threads,
    ):
        requests = _requests(unplug, server.port, QUIET, narrow)
        quiet = Plan(
            port=server.port,
            sockets=1,
            messages=[[init(token(QUIET)), subscribe()]],
            frames=[2 * narrow],
            requests=requests,
            expect=EXPECTED,
            connections=1,
            rate=NARROW_RATE,
            warm_up=settings.warm_up,
        )
        if not loud_sockets:
            report = ws_load(quiet)
            return report.p50, report.p99
        subscriptions = [subscription(number) for number in range(SUBSCRIPTIONS)]
        loud = Plan(
            port=server.port,
            sockets=loud_sockets,
            messages=[[init(token(LOUD)), *subscriptions, LAST]],
            frames=[2 * wide * SUBSCRIPTIONS],
            requests=_requests(unplug, server.port, LOUD, wide),
            expect=EXPECTED,
            connections=1,
            rate=WIDE_RATE,
            hold=True,
        )
        measured = []
        ws_load(loud, when_open=lambda: measured.append(threads.submit(ws_load, quiet)))
        report = measured[0].result()
        return report.p50, report.p99


def _requests(unplug: Installation, port: int, user: int, count: int) -> list[str]:
    """The first commands of one of the two users, each for a connection of its own."""
    ids = unplug.connection_ids[user::2]
    return [mutation(port, token(user), connection_id) for connection_id in ids[:count]]
