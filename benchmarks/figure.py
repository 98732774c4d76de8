"""One row of the table: a figure, its floor, the ratio, the target."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Medians of alternating runs. `at` says whether the target is a lower or an upper bound."""

    name: str
    unit: str
    value: float
    floor: float
    floor_name: str
    target: float
    at: Literal["least", "most"]

    @property
    def ratio(self) -> float:
        """The figure that counts."""
        return self.value / self.floor

    @property
    def reached(self) -> bool:
        """Whether the ratio is on the right side of the target."""
        return self.ratio >= self.target if self.at == "least" else self.ratio <= self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How long to measure."""

    rounds: int = 5
    seconds: float = 5.0
    warm_up: float = 1.0


def is_a_part() -> bool:
    """Whether less is measured than is published."""
    return "BENCHMARKS_SCALE" in os.environ


def amount(published: int) -> int:
    """An amount of work: as published, or the part of it that `BENCHMARKS_SCALE` says.

    A part is for tests, which only want to see that a figure can be measured.
    """
    return int(published * float(os.environ.get("BENCHMARKS_SCALE", "1")))


def alternating(rounds: int, *runs: Callable[[], float]) -> list[float]:
    """Each run's median over rounds of A, B, …, A, B, …: drift of the machine hits all alike."""
    taken = [[run() for run in runs] for _ in range(rounds)]
    return [median(values) for values in zip(*taken, strict=True)]
