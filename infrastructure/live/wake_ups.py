"""Wake-ups: "this user's log has grown, look again". They carry nothing else and may be lost."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias
from uuid import UUID

Wake: TypeAlias = Callable[[], None]
"""Called on the event loop; must neither block nor raise."""


class WakeUps(Protocol):
    """Carries wake-ups to every node. A lost one is found by the sweep, a doubled one is harmless.

    `send` wakes the listeners of this node before it returns and those of other nodes soon after;
    what this node sent does not come back to it. Whenever an adapter may have missed some (its
    subscription is new, its server was away), it wakes the listeners concerned.
    """

    def send(self, user_ids: Iterable[UUID]) -> None:
        """To be called after the commit, on the event loop. Never blocks, never raises."""

    def listen(self, user_id: UUID, wake: Wake) -> Callable[[], None]:
        """Calls `wake` whenever the user's log may have grown; returns how to stop that."""

    async def start(self) -> None:
        """Returns at once: a server that is not there is tried again in the background."""

    async def aclose(self) -> None:
        """Ends all connections and tasks. What was not sent yet is lost."""

    @property
    def healthy(self) -> bool:
        """Whether wake-ups of other nodes arrive now."""


class Listeners:
    """Who wants to be woken on this node, by user."""

    def __init__(self) -> None:
        self._by_user: dict[UUID, list[Wake]] = {}

    def __contains__(self, user_id: UUID) -> bool:
        return user_id in self._by_user

    def __len__(self) -> int:
        return len(self._by_user)

    @property
    def user_ids(self) -> list[UUID]:
        return list(self._by_user)

    def add(self, user_id: UUID, wake: Wake) -> Callable[[], None]:
        """Returns a callable that takes the listener out again, at most once."""
        self._by_user.setdefault(user_id, []).append(wake)

        def remove() -> None:
            wakes = self._by_user.get(user_id, [])
            if wake in wakes:
                wakes.remove(wake)
            if not wakes:
                self._by_user.pop(user_id, None)

        return remove

    def wake(self, user_ids: Iterable[UUID]) -> None:
        for user_id in user_ids:
            for wake in tuple(self._by_user.get(user_id, ())):
                wake()

    def wake_all(self) -> None:
        self.wake(self.user_ids)


class InProcessWakeUps:
    """For a process that is the only node."""

    healthy = True

    def __init__(self) -> None:
        self._listeners = Listeners()

    def send(self, user_ids: Iterable[UUID]) -> None:
        self._listeners.wake(user_ids)

    def listen(self, user_id: UUID, wake: Wake) -> Callable[[], None]:
        return self._listeners.add(user_id, wake)

    async def start(self) -> None:
        """Nothing to connect to."""

    async def aclose(self) -> None:
        """Nothing to end."""


class NoWakeUps:
    """Sends nothing to nobody: readers find new events by the sweep alone."""

    healthy = True

    def send(self, user_ids: Iterable[UUID]) -> None:
        """Forgets them."""

    def listen(self, user_id: UUID, wake: Wake) -> Callable[[], None]:  # noqa: ARG002  (port)
        return lambda: None

    async def start(self) -> None:
        """Nothing to connect to."""

    async def aclose(self) -> None:
        """Nothing to end."""
