"""A server whose issuer does not publish its keys: users wait, and are not signed out."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.network.quirk_server import Answer, QuirkServer, drip, quirk_server, reply
from tests.support.processes import Server
from tests.support.published_keys import jwk_of, signed

KEY = ec.generate_private_key(ec.SECP256R1())
CLAIMS = {"sub": str(UUID(int=7)), "exp": int(datetime.now(UTC).timestamp()) + 3600}
DEADLINE = 60.0


@asynccontextmanager
async def served(folder: Path, issuer: QuirkServer) -> AsyncIterator[Server]:
    server = Server(folder, TOKEN_SECRET="", TOKEN_JWKS_URL=issuer.url("/keys"))
    await asyncio.to_thread(server.start)
    try:
        yield server
    finally:
        if server.running:
            await asyncio.to_thread(server.stop)


@pytest.mark.parametrize(
    "answer",
    [pytest.param(reply(503), id="an error"), pytest.param(drip(repeat(b" "), 1.0), id="drops")],
)
async def test_users_wait_for_the_issuers_keys(tmp_path: Path, answer: Answer) -> None:
    headers = {"authorization": f"Bearer {signed(CLAIMS, KEY, 'ES256', 'one')}"}
    async with (
        quirk_server(answer) as issuer,
        served(tmp_path, issuer) as server,
        httpx.AsyncClient(timeout=30, headers=headers) as client,
    ):
        ready = await client.get(f"{server.url}/readyz")
        assert ready.status_code == 200
        assert ready.json() == {"status": "degraded", "degraded": ["signing_keys"]}
        refused = await client.post(server.graphql, json={"query": "{ __typename }"})
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        await asyncio.to_thread(server.logged, "signing_keys_unavailable")

        issuer.answer = reply(200, {"keys": [jwk_of(KEY, kid="one")]})
        give_up_at = time.monotonic() + DEADLINE
        while (await client.get(f"{server.url}/readyz")).json()["status"] != "ready":
            assert time.monotonic() < give_up_at
            await asyncio.sleep(0.1)
        accepted = await client.post(server.graphql, json={"query": "{ __typename }"})
        assert accepted.json() == {"data": {"__typename": "Query"}}


async def test_a_stop_waits_for_no_keys(tmp_path: Path) -> None:
    async with quirk_server(drip(repeat(b" "), 0.2)) as issuer, served(tmp_path, issuer) as server:
        began = time.monotonic()
        assert await asyncio.to_thread(server.stop) == 0
        assert time.monotonic() - began < 4
