"""A receiver of webhooks: verifies, applies each event once, survives repetitions and restores."""

from collections.abc import Callable
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Json = dict[str, Any]


class Copy:
    """A copy of the log, by user. Keep it in your database, in one transaction with your work."""

    def __init__(self, on_restore: Callable[[str, int], None]) -> None:
        self.ids: dict[str, dict[int, str]] = {}
        self._on_restore = on_restore

    def add(self, data: Json) -> bool:
        """Whether the event is new."""
        user_id, position = data["user_id"], data["position"]
        ids = self.ids.setdefault(user_id, {})
        if ids.get(position) == data["id"]:
            return False  # sent again, because an answer was lost
        undone = [known for known in ids if known >= position]
        if undone:
            # The database was restored: what was seen from here on has not happened.
            self._on_restore(user_id, position)
        for known in undone:
            del ids[known]
        ids[position] = data["id"]
        return True


def receiver(secret: str, copy: Copy, handle: Callable[[Json], None]) -> Starlette:
    """Answers when an event is dealt with, and not before."""
    webhook = Webhook(secret)

    async def receive(request: Request) -> Response:
        try:
            event = webhook.verify(await request.body(), dict(request.headers))
        except WebhookVerificationError:
            return Response(status_code=401)
        if event["type"] != "webhook.test" and copy.add(event["data"]):
            handle(event)
        return Response(status_code=204)

    return Starlette(routes=[Route("/hook", receive, methods=["POST"])])
