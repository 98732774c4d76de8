"""Revocations in memory, as commits begin and end them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from domain.events import ProviderEvent, ProviderTokenRevocationAttempted
from domain.identifiers import AttemptId, ConnectionId
from domain.ports import AttemptClosed, Now
from domain.provider_connection import ConnectionStatus, ProviderConnection
from domain.token_revocation import (
    Answers,
    LeasedRevocation,
    RevocationStatus,
    TokenRevocation,
)
from infrastructure.database.revocations import (
    Backlog,
    CatalogueProvider,
    Progress,
    ProviderBacklog,
    Turn,
)
from infrastructure.database.rows.events import settled_status

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Pending:
    """A pending revocation."""

    attempted: ProviderTokenRevocationAttempted
    encrypted_data: bytes
    begun_at: datetime
    give_up_at: datetime
    due_at: datetime
    leased_until: datetime = NEVER
    lease: UUID | None = None
    answers: Answers = field(default_factory=dict)
    code: str | None = None
    tries: int = 0


class Revocations:
    """Those of a world. `catalogue` is what servers have declared."""

    def __init__(self) -> None:
        self.catalogue: dict[str, CatalogueProvider] = {}
        self.pending: dict[AttemptId, Pending] = {}
        self.now: Now = _now
        self._told: dict[ConnectionId, TokenRevocation] = {}
        self._latest: dict[ConnectionId, AttemptId] = {}

    def of(self, connection: ProviderConnection) -> TokenRevocation | None:
        """What became of a connection's tokens."""
        if connection.status is not ConnectionStatus.DISCONNECTED:
            return None
        none = TokenRevocation(
            status=RevocationStatus.NOT_ATTEMPTED,
            since=connection.disconnected_at or connection.updated_at,
        )
        return self._told.get(connection.id, none)

    def begin(
        self,
        attempted: ProviderTokenRevocationAttempted,
        stored: ProviderConnection,
        late: bytes | None = None,
        *,
        replaces: bool = False,
    ) -> bool:
        """Whether the attempt begins, with what is late or what the connection loses: all of it,
        or what new credentials replace."""
        provider = self.catalogue.get(stored.provider_slug)
        is_over = stored.status is ConnectionStatus.DISCONNECTED
        if provider is None or is_over != bool(late):
            return False
        lost = late or (stored.credentials and stored.credentials.encrypted_data)
        if replaces:
            may = provider.revocable and not provider.ends_grant and lost
            return bool(may) and self._begin(attempted, lost or b"", provider)
        if not provider.revocable:
            self._tell(stored, RevocationStatus.NOT_SUPPORTED, attempted.occurred_at)
        elif not lost:
            self._tell(stored, RevocationStatus.NOTHING_TO_REVOKE, attempted.occurred_at)
        elif attempted.attempt_id is not None:
            self._tell(stored, RevocationStatus.PENDING, attempted.occurred_at)
            self._latest[stored.id] = attempted.attempt_id
            return self._begin(attempted, lost, provider)
        return False

    def _begin(
        self,
        attempted: ProviderTokenRevocationAttempted,
        lost: bytes,
        provider: CatalogueProvider,
    ) -> bool:
        assert attempted.attempt_id is not None
        now = self.now()
        self.pending[attempted.attempt_id] = Pending(
            attempted, lost, begun_at=now, due_at=now, give_up_at=now + provider.give_up_after
        )
        return True

    def end(self, event: ProviderEvent, lease: UUID, connection: ProviderConnection) -> None:
        """An outcome is recorded. Raises `AttemptClosed`."""
        assert event.attempt_id is not None
        pending = self.pending.get(event.attempt_id)
        if pending is None or pending.lease != lease:
            raise AttemptClosed
        del self.pending[event.attempt_id]
        if self._latest.get(connection.id) == event.attempt_id:
            status = RevocationStatus(settled_status(event))
            self._tell(connection, status, event.occurred_at)

    def ends_grant_of(
        self, connection: ProviderConnection, connections: dict[ConnectionId, ProviderConnection]
    ) -> bool:
        """Whether the lease of such a revocation is held now."""
        provider = self.catalogue.get(connection.provider_slug)
        if provider is None or not provider.ends_grant:
            return False
        held = [pending for pending in self.pending.values() if pending.leased_until > self.now()]
        ended = [connections[pending.attempted.connection_id] for pending in held]
        return any(share_an_account(connection, other) for other in ended)

    def _tell(
        self, connection: ProviderConnection, status: RevocationStatus, since: datetime
    ) -> None:
        manage_url = self.catalogue[connection.provider_slug].manage_url
        self._told[connection.id] = TokenRevocation(
            status=status, since=since, manage_url=manage_url
        )


class InMemoryRevocationQueue:
    """`RevocationQueue`."""

    may_hold_leases = True

    def __init__(
        self, revocations: Revocations, connections: dict[ConnectionId, ProviderConnection]
    ) -> None:
        self._revocations = revocations
        self._connections = connections
        self._free_at: dict[str, datetime] = {}

    async def declare(self, providers: Sequence[CatalogueProvider]) -> None:
        catalogue = self._revocations.catalogue
        for provider in providers:
            known = catalogue.get(provider.slug)
            revocable = provider.revocable or bool(known and known.revocable)
            catalogue[provider.slug] = replace(provider, revocable=revocable)

    async def forget(self, slug: str) -> bool:
        return self._revocations.catalogue.pop(slug, None) is not None

    async def lease(self, turns: Sequence[Turn], lasts: float) -> Sequence[LeasedRevocation]:
        now, taken = self._revocations.now(), []
        free = [p for p in self._revocations.pending.values() if p.leased_until <= now]
        taken += [pending for pending in free if pending.give_up_at <= now]
        for turn in turns:
            own = [p for p in self._revocations.pending.values() if _slug(p) == turn.slug]
            due = [p for p in own if p in free and p.due_at <= now < p.give_up_at]
            allowed = min(turn.most, turn.concurrency - sum(p.leased_until > now for p in own))
            if self._free_at.get(turn.slug, NEVER) <= now and due:
                due = due[: max(0, allowed)]
                busy = timedelta(seconds=turn.seconds * len(due))
                self._free_at[turn.slug] = now + busy
                taken += due
        for pending in taken:
            pending.lease, pending.leased_until = uuid4(), now + timedelta(seconds=lasts)
        return [self._leased(pending, now) for pending in taken]

    async def postpone(self, leased: LeasedRevocation, progress: Progress) -> None:
        pending = self._revocations.pending.get(leased.attempt_id)
        if pending is not None and pending.lease == leased.lease:
            later = self._revocations.now() + timedelta(seconds=progress.seconds)
            pending.due_at = min(pending.give_up_at, later)
            pending.lease, pending.leased_until = None, NEVER
            pending.answers, pending.code = progress.answers, progress.code
            pending.tries += 1

    async def backlog(self) -> Backlog:
        begun = [pending.begun_at for pending in self._revocations.pending.values()]
        now = self._revocations.now()
        return Backlog(len(begun), (now - min(begun, default=now)).total_seconds())

    async def by_provider(self) -> Sequence[ProviderBacklog]:
        found: dict[str, ProviderBacklog] = {}
        now = self._revocations.now()
        for connection in self._connections.values():
            slug = connection.provider_slug
            own = [p for p in self._revocations.pending.values() if _slug(p) == slug]
            last = max(own, key=lambda pending: pending.tries, default=None)
            others = [c for c in self._connections.values() if c.provider_slug == slug]
            states = [told.status for c in others if (told := self._revocations.of(c))]
            failed = states.count(RevocationStatus.FAILED)
            oldest = max((now - p.begun_at).total_seconds() for p in own) if own else 0
            if last is not None:
                found[slug] = ProviderBacklog(slug, len(own), oldest, last.tries, last.code, failed)
            elif failed:
                found[slug] = ProviderBacklog(slug, 0, 0, 0, None, failed)
        return [found[slug] for slug in sorted(found)]

    async def retry(self) -> int:
        for pending in self._revocations.pending.values():
            pending.due_at, pending.tries = self._revocations.now(), 0
        return len(self._revocations.pending)

    def _leased(self, pending: Pending, now: datetime) -> LeasedRevocation:
        attempted = pending.attempted
        connection = self._connections[attempted.connection_id]
        told = self._revocations.of(connection)
        assert attempted.attempt_id is not None
        assert pending.lease is not None
        return LeasedRevocation(
            attempt_id=attempted.attempt_id,
            lease=pending.lease,
            user_id=attempted.user_id,
            connection_id=connection.id,
            provider_id=connection.provider_id,
            provider_slug=connection.provider_slug,
            begun_at=pending.begun_at,
            encrypted_data=pending.encrypted_data,
            current_data=connection.credentials.encrypted_data if connection.credentials else None,
            manage_url=told.manage_url if told else None,
            answers=pending.answers,
            tries=pending.tries,
            overdue=pending.give_up_at <= now,
            shared=self._is_shared(connection, self._connections.values()),
        )

    def _is_shared(self, ended: ProviderConnection, others: Iterable[ProviderConnection]) -> bool:
        provider = self._revocations.catalogue.get(ended.provider_slug)
        return bool(provider and provider.ends_grant) and any(
            other.credentials is not None and share_an_account(other, ended) for other in others
        )


def _now() -> datetime:
    return datetime.now(UTC)


def share_an_account(one: ProviderConnection, other: ProviderConnection) -> bool:
    """Whether both may be of one account of a user at a provider."""
    accounts = {one.provider_account_id, other.provider_account_id}
    same = (one.user_id, one.provider_slug) == (other.user_id, other.provider_slug)
    return same and (None in accounts or len(accounts) == 1)


def _slug(pending: Pending) -> str:
    provider = pending.attempted.provider
    assert provider is not None
    return provider.slug
