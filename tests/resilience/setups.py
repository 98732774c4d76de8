"""The set-ups in which the promises are put to the test."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the nodes run on."""

    name: str
    nodes: int
    postgres: bool
    nats: bool = False
    wake_ups: bool = True


SETUPS = (
    Setup(name="sqlite", nodes=1, postgres=False),
    Setup(name="postgres-notify", nodes=3, postgres=True),
    Setup(name="postgres-nats", nodes=3, postgres=True, nats=True),
    Setup(name="postgres-without-wake-ups", nodes=3, postgres=True, wake_ups=False),
)
