"""`unplug webhooks` beside a running server."""

import asyncio
import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from uuid import UUID

from cryptography.fernet import Fernet

from infrastructure.failures import ExitCode
from tests.e2e.client import User
from tests.support.network.quirk_server import reply
from tests.support.network.receiver import receiver, verify
from tests.support.processes import running, unplug

OWNER, CONNECTION = UUID(int=7), UUID(int=1)
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


class Commands:
    """`unplug webhooks` in one folder."""

    def __init__(self, cwd: Path, **settings: str) -> None:
        self._cwd = cwd
        self._settings = settings

    async def run(self, *arguments: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        done = await asyncio.to_thread(
            unplug, "webhooks", *arguments, cwd=self._cwd, **self._settings
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    async def add(self, url: str, *arguments: str) -> tuple[str, str]:
        """The new endpoint's id and secret."""
        printed = (await self.run("add", url, *arguments)).stdout.split()
        assert printed[::2] == ["endpoint", "secret"]
        return printed[1], printed[3]


def tried_nine_times(file: Path) -> None:
    """As if the first failed try, once it is written down, had been the ninth."""
    sql = "UPDATE webhook_deliveries SET tries = 9, due_at = '2026-01-01' WHERE tries = 1"
    with closing(sqlite3.connect(file, timeout=10, isolation_level=None)) as db:
        while db.execute(sql).rowcount == 0:
            pass


async def test_an_endpoint_from_its_first_event_to_its_end(tmp_path: Path) -> None:
    """The server has no key when it starts: `add` makes the key file."""
    commands = Commands(tmp_path)
    with running(tmp_path) as server:
        owner = User(server, OWNER)
        async with receiver() as there:
            id_, secret = await commands.add(there.url)
            await asyncio.to_thread(owner.disconnect, CONNECTION)
            await there.arrived(2)
            printed = await asyncio.to_thread(unplug, "events", str(OWNER), cwd=tmp_path)
            assert [body["data"] for body in there.verified(secret)] == [
                json.loads(line) for line in printed.stdout.splitlines()
            ]
            shown = (await commands.run("list")).stdout
            assert f"{id_}  {there.url}\n  state    active\n" in shown
            assert "behind   0 users" in shown
            assert "last     204 at" in shown
            assert secret not in shown
            assert (await commands.run("test", id_)).stdout == "received: 204\n"
            assert verify(there.requests[-1], secret)["type"] == "webhook.test"
            there.answers.append(reply(503, b"the answer is a secret"))
            failed = await commands.run("test", id_, status=ExitCode.FAILED)
            assert failed.stderr == "The test was not received: 503.\n"
            rotated = (await commands.run("rotate", id_, "--overlap", "1h")).stdout.split()[1]
            await commands.run("test", id_)
            for each in (rotated, secret):
                verify(there.requests[-1], each)
            await commands.run("remove", id_)
        gone = await commands.run("remove", id_, status=ExitCode.FAILED)
        assert gone.stderr.startswith(f"There is no endpoint {id_}")
    assert "secret" not in str(server.log)


async def test_a_refused_event_is_named_and_skipped_and_secrets_get_new_keys(
    tmp_path: Path,
) -> None:
    commands = Commands(tmp_path, CREDENTIALS_KEYS=OLD)
    with running(tmp_path, CREDENTIALS_KEYS=f"{NEW},{OLD}") as server:
        owner = User(server, OWNER)
        async with receiver(reply(400)) as there:
            id_, secret = await commands.add(
                there.url, "--type", "provider.disconnection.failed", "--from-start"
            )
            await asyncio.to_thread(owner.disconnect, CONNECTION)
            await there.arrived(1)
            await asyncio.to_thread(tried_nine_times, tmp_path / "unplug.sqlite3")
            await there.arrived(2)
            while "failing" not in (shown := (await commands.run("list")).stdout):
                pass
            assert f"refused  event {there.ids[0]} of user {OWNER}" in shown
            there.always(reply(204))
            wrong = await commands.run("resume", id_, "--skip", id_, status=ExitCode.FAILED)
            assert "is not the next one of its user" in wrong.stderr
            await commands.run("resume", id_, "--skip", str(there.ids[0]))
            keys = {"CREDENTIALS_KEYS": f"{NEW},{OLD}"}
            done = await asyncio.to_thread(unplug, "rotate-keys", cwd=tmp_path, **keys)
            assert done.stdout == "1 re-encrypted, 0 unreadable\n"
            await asyncio.to_thread(owner.disconnect, CONNECTION)
            await there.arrived(3)
            assert verify(there.requests[-1], secret)["data"]["position"] == 4
            lost = await asyncio.to_thread(
                unplug, "webhooks", "test", id_, cwd=tmp_path, CREDENTIALS_KEYS=OLD
            )
            assert lost.returncode == ExitCode.KEY_MISSING


async def test_wrong_endpoints_are_refused_in_a_sentence(tmp_path: Path) -> None:
    commands = Commands(tmp_path)
    for arguments, said in (
        (("https://192.168.0.1/hook",), "UNPLUG_WEBHOOK_PRIVATE_ADDRESSES"),
        (("https://example.com/", "--type", "sold"), "'sold' is not a type of event"),
    ):
        done = await commands.run("add", *arguments, status=ExitCode.WRONG_USAGE)
        assert said in " ".join(done.stderr.replace("│", " ").split())
    await commands.run("list", status=ExitCode.SCHEMA_OUTDATED)
