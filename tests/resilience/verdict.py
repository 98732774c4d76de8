"""Compares what clients saw with what the database says."""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from infrastructure.command_runner import DEADLINE
from tests.resilience.clients.commands import Answer
from tests.resilience.clients.subscribers import Subscriber
from tests.resilience.population import Population
from tests.resilience.truth import LoggedEvent, Truth

SHOWN = 20
WHOLE = (
    ["connected"],
    ["attempted", "succeeded"],
    ["attempted", "failed"],
    ["revocation_attempted", "revocation_succeeded"],
    ["revocation_attempted", "revocation_failed"],
)
"""Events of an attempt that is over."""
STATUS_AFTER = {"connected": "active", "access_restored": "active", "succeeded": "disconnected"}
IN_DOUBT_AFTER = DEADLINE - 1.5
"""Seconds after which a command is answered without waiting for what became of its commit."""


@dataclass(slots=True)
class Verdict:
    """What was broken, in words, and how much of what."""

    broken: list[str] = field(default_factory=list)
    losses: int = 0
    duplicates: int = 0
    disorders: int = 0

    def __str__(self) -> str:
        more = len(self.broken) - SHOWN
        lines = self.broken[:SHOWN] + ([f"… and {more} more"] if more > 0 else [])
        return "\n".join(lines)


def judge(
    truth: Truth,
    population: Population,
    answers: Sequence[Answer],
    subscribers: Sequence[Subscriber],
) -> Verdict:
    """All promises, for all users."""
    verdict = Verdict()
    for user_id, log in truth.logs.items():
        verdict.broken.extend(_log(user_id, log))
    verdict.broken.extend(_rows(truth, population.imported))
    verdict.broken.extend(_answers(truth, answers))
    for subscriber in subscribers:
        _stream(truth.logs.get(subscriber.user_id, []), subscriber, verdict)
    return verdict


def _log(user_id: UUID, log: Sequence[LoggedEvent]) -> Iterator[str]:
    positions = [event.position for event in log]
    if positions != list(range(1, len(log) + 1)):
        yield f"{user_id}: positions are not contiguous: {positions}"
    attempts: dict[UUID, list[str]] = {}
    for event in log:
        if event.attempt_id is not None:
            attempts.setdefault(event.attempt_id, []).append(event.kind)
    for attempt_id, kinds in attempts.items():
        if kinds not in WHOLE:
            yield f"{user_id}: attempt {attempt_id} went {' → '.join(kinds)}"


def _rows(truth: Truth, imported: Container[UUID]) -> Iterator[str]:
    """Rows are what their events made of them; a disconnected connection never comes back."""
    statuses: dict[UUID, str] = {}
    for event in (event for log in truth.logs.values() for event in log):
        status = event.loss or STATUS_AFTER.get(event.kind)
        if status is None:
            continue
        if statuses.get(event.connection_id) == "disconnected" != status:
            yield f"connection {event.connection_id}: {event.kind} after its disconnection"
        statuses[event.connection_id] = status
    for row in truth.connections:
        status = statuses.get(row.id, "active")
        gone = status == "disconnected"
        expected = (status, not gone, gone)
        actual = (row.status, row.has_credentials, row.has_disconnected_at)
        if actual != expected:
            yield f"connection {row.id} is {actual}, its log says {expected}"
        if row.id in imported and row.version != 1 + gone:
            yield f"connection {row.id} was changed {row.version - 1} times"


def _answers(truth: Truth, answers: Sequence[Answer]) -> Iterator[str]:
    outcomes = {
        (user_id, event.attempt_id): event
        for user_id, log in truth.logs.items()
        for event in log
        if event.kind != "attempted"
    }
    expected = {
        "DisconnectProviderSuccess": "succeeded",
        "ConnectionNotFound": "failed",
        "DisconnectionFailed": "failed",
    }
    for answer in answers:
        if answer.attempt_id is None:
            continue
        event = outcomes.get((answer.user_id, answer.attempt_id))
        if event is None:
            yield f"{answer.kind} was answered, but attempt {answer.attempt_id} has no outcome"
            continue
        kind = expected[answer.kind]
        in_doubt = answer.kind == "DisconnectionFailed" and answer.seconds > IN_DOUBT_AFTER
        if event.kind != kind and not in_doubt:
            yield f"{answer.kind} was answered, but attempt {answer.attempt_id} {event.kind}"
        cursor = answer.cursor
        if cursor is not None and (cursor.position, cursor.event_id) != (event.position, event.id):
            yield f"the cursor that was answered is not that of event {event.id}"


def _stream(log: Sequence[LoggedEvent], subscriber: Subscriber, verdict: Verdict) -> None:
    expected = [(event.position, event.id) for event in log]
    who = f"{subscriber.transport} subscriber of {subscriber.user_id}"
    counts = Counter(subscriber.received)
    duplicates = sum(count - 1 for count in counts.values())
    lost = sorted(set(expected) - set(counts))
    losses = len(lost)
    strangers = len(set(counts) - set(expected))
    verdict.duplicates += duplicates
    verdict.losses += losses
    if losses or duplicates or strangers:
        verdict.broken.append(
            f"{who}: {losses} lost, {duplicates} doubled, {strangers} that are not in the log"
            f" (lost from {lost[0][0] if lost else 0}, log to {len(log)},"
            f" seen to {subscriber.position})"
        )
    elif subscriber.received != expected:
        verdict.disorders += 1
        verdict.broken.append(f"{who}: out of order")
    wrongly = [event for event in subscriber.abandoned if event in expected]
    if wrongly:
        verdict.broken.append(f"{who} was refused at events that are in the log: {wrongly[:3]}")
    if subscriber.refusals:
        verdict.broken.append(f"{who} was refused: {subscriber.refusals[:3]}")
