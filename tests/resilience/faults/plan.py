"""What goes wrong, when, and for how long. The same for the same seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.resilience.setups import Setup
from tests.support.network.tcp_proxy import Cut

EVERYWHERE = ("kill", "stop", "deploy", "hang up", "back up", "restore", "lock rows")
ON_POSTGRES = (
    *("cut commits", "slow commits", "cut all", "restart database", "stop for long"),
    *("lose commits", "read-only", "demote", "fill connections", "slow commits"),
)
ON_NATS = ("nats away",)
EVENTS = (b"attempted", b"succeeded")


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault and the pause before it, in seconds; what is done to the next commits of a kind."""

    pause: float
    kind: str
    node: int
    lasts: float
    cuts: Sequence[tuple[Cut, bytes]]


def plan(chance: random.Random, setup: Setup, seconds: float) -> list[Planned]:
    """Faults for so long, in a random order in which each kind comes early."""
    kinds = [
        *EVERYWHERE,
        *(ON_POSTGRES if setup.postgres else ()),
        *(ON_NATS if setup.nats else ()),
    ]
    planned: list[Planned] = []
    total = 0.0
    while total < seconds:
        for kind in chance.sample(kinds, len(kinds)):
            pause = chance.uniform(0.3, 1.2)
            total += pause
            planned.append(
                Planned(
                    pause=pause,
                    kind=kind,
                    node=chance.randrange(setup.nodes),
                    lasts=chance.uniform(0.3, 2.0),
                    cuts=[
                        (chance.choice(list(Cut)), chance.choice(EVENTS))
                        for _ in range(chance.randint(1, 4))
                    ],
                )
            )
    return planned
