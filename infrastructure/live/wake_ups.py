"""Wake-ups: "this user's log has grown". They carry nothing else and may be lost."""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, Self, TypeAlias
from uuid import UUID

Wake: TypeAlias = Callable[[], None]
"""Called on the event loop; must neither block nor raise."""


class WakeUps(AbstractAsyncContextManager["WakeUps", None], Protocol):
    """Carries wake-ups to other processes. A lost one is found by the sweep, a doubled one is
    harmless.

    As a context it connects in the background, and again whenever the connection is lost; at its
    end, what was not sent yet is lost. Whenever an adapter may have missed wake-ups (its
    subscription is new, its server was away), it wakes the listeners concerned.
    """

    def send(self, user_ids: Iterable[UUID]) -> None:
        """To be called after the commit, on the event loop. Never blocks, never raises.

        The listeners of this process are not woken.
        """

    def listen(self, user_id: UUID, wake: Wake) -> Callable[[], None]:
        """Calls `wake` whenever the user's log may have grown; returns how to stop that."""

    @property
    def healthy(self) -> bool:
        """Whether wake-ups of other processes arrive now."""


class Listeners:
    """The listeners of this process, by user."""

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


class NoWakeUps:
    """For a process that is the only node, or whose sweep alone finds what others commit."""

    healthy = True

    def send(self, user_ids: Iterable[UUID]) -> None:
        """There is no other process to send them to."""

    def listen(self, user_id: UUID, wake: Wake) -> Callable[[], None]:  # noqa: ARG002  (port)
        """There is no other process to hear from."""
        return lambda: None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to end."""
