"""Disconnecting ends the access at the provider: what the provider is asked, and what users see."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet
from uuid_utils.compat import uuid7

from infrastructure.failures import ExitCode
from tests.e2e.revoking.client import User
from tests.support.network.revoking_provider import Provider, Reply, marked
from tests.support.processes import Server, connection_line, running, unplug

OWNER = UUID(int=1)
USER = User(OWNER)
MANAGE = "https://provider.example/apps"
CATALOGUE = "providers.toml"


def add_connection(folder: Path, slug: str, name: str, **settings: str) -> UUID:
    """The user's, with two tokens."""
    found: UUID = uuid7()
    tokens = {f"{kind}_token": marked(f"{name}-{kind}") for kind in ("refresh", "access")}
    credentials = {"type": "oauth2", "data": tokens}
    line = connection_line(OWNER, found, provider_slug=slug, credentials=credentials)
    assert unplug("import", "-", cwd=folder, stdin=line, **settings).returncode == 0
    return found


class Setup:
    """A server, and providers that answer by the first word of a token."""

    def __init__(self, folder: Path, server: Server, provider: Provider) -> None:
        self.folder = folder
        self.server = server
        self.provider = provider

    def asked(self, name: str) -> list[str]:
        return [asked.token for asked in self.provider.asked if asked.token.startswith(name)]


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("revoking")
    down = iter([Reply(503, retry_after=1)])

    def answer(token: str) -> Reply:
        if token.startswith("down"):
            return next(down, Reply())
        return Reply(400) if token.startswith("refused") else Reply()

    with Provider(answer) as provider:
        none = f'[none]\npreset = "none"\nmanage_url = "{MANAGE}"\n'
        (folder / CATALOGUE).write_text(provider.catalogue("able", manage_url=MANAGE) + none)
        with running(folder, PROVIDERS_FILE=CATALOGUE) as server:
            yield Setup(folder, server, provider)


def test_tokens_are_ended_and_the_user_sees_it(setup: Setup) -> None:
    connection_id = add_connection(setup.folder, "able", "fine")

    begun = USER.disconnect(setup.server, connection_id)
    done = USER.settled(setup.server, connection_id)

    assert (begun["status"], begun["manageUrl"]) == ("PENDING", MANAGE)
    assert done["status"] == "ACCEPTED"
    assert setup.asked("fine") == ["fine-refresh", "fine-access"]
    events = USER.events(setup.server, connection_id)
    assert [event["__typename"] for event in events] == [
        "ProviderDisconnectionAttempted",
        "ProviderDisconnectionSucceeded",
        "ProviderTokenRevocationAttempted",
        "ProviderTokenRevocationSucceeded",
    ]
    assert events[-1]["evidence"] == "ACCEPTED"
    printed = unplug("events", str(OWNER), cwd=setup.folder).stdout
    assert '"evidence":"ACCEPTED"' in printed


def test_a_provider_that_is_down_is_asked_again(setup: Setup) -> None:
    connection_id = add_connection(setup.folder, "able", "down")

    USER.disconnect(setup.server, connection_id)

    assert USER.settled(setup.server, connection_id)["status"] == "ACCEPTED"
    assert len(USER.outcomes(setup.server, connection_id)) == 1
    assert setup.asked("down") == ["down-refresh", "down-access", "down-refresh"]
    first, _, again = (a.began for a in setup.provider.asked if a.token.startswith("down"))
    assert again - first >= 1  # as `Retry-After` asks


def test_what_the_provider_refuses_has_failed(setup: Setup) -> None:
    connection_id = add_connection(setup.folder, "able", "refused")

    USER.disconnect(setup.server, connection_id)

    assert USER.settled(setup.server, connection_id)["status"] == "FAILED"
    (failed,) = USER.outcomes(setup.server, connection_id)
    assert (failed["reason"], failed["manageUrl"]) == ("REFUSED", MANAGE)
    assert "able: 0 pending, 1 failed\n" in unplug("revocations", cwd=setup.folder).stdout


def test_a_provider_without_a_way_is_said_so(setup: Setup) -> None:
    connection_id = add_connection(setup.folder, "none", "lasting")

    told = USER.disconnect(setup.server, connection_id)

    assert (told["status"], told["manageUrl"]) == ("NOT_SUPPORTED", MANAGE)


@contextmanager
def catalogue(folder: Path, **keys: object) -> Iterator[Provider]:
    """One that names one provider, `schwab`."""
    with Provider() as provider:
        (folder / CATALOGUE).write_text(provider.catalogue("schwab", **keys))
        yield provider


def test_a_refusal_of_our_client_is_no_outcome(tmp_path: Path) -> None:
    connection_id = add_connection(tmp_path, "schwab", "x")
    with catalogue(tmp_path) as provider:
        provider.answer = lambda _: Reply(401)
        with running(tmp_path, PROVIDERS_FILE=CATALOGUE) as server:
            USER.disconnect(server, connection_id)
            provider.wait_for(2)
            ready = httpx.get(f"{server.url}/readyz")
        assert ready.json() == {"status": "ready", "degraded": []}
        assert any(line["event"] == "provider_misconfigured" for line in server.log)
        shown = unplug("revocations", cwd=tmp_path).stdout
        assert shown.startswith("schwab: 1 pending, oldest 0:00:")
        assert "last answer http_401" in shown

        provider.answer = lambda _: Reply()  # as it is once the catalogue is mended
        assert unplug("revocations", "--retry", cwd=tmp_path).stdout == "1 pending, due now\n"
        with running(tmp_path, PROVIDERS_FILE=CATALOGUE) as server:
            assert USER.settled(server, connection_id)["status"] == "ACCEPTED"
    assert nothing_left(tmp_path)


def test_what_is_never_confirmed_is_given_up_and_destroyed(tmp_path: Path) -> None:
    connection_id = add_connection(tmp_path, "schwab", "x")
    with catalogue(tmp_path) as provider:
        provider.answer = lambda _: Reply(503)
        with running(tmp_path, PROVIDERS_FILE=CATALOGUE, REVOCATION_GIVE_UP="1") as server:
            USER.disconnect(server, connection_id)
            assert USER.settled(server, connection_id)["status"] == "FAILED"
            (failed,) = USER.outcomes(server, connection_id)
    assert failed["reason"] == "GAVE_UP"
    assert nothing_left(tmp_path)


def test_a_process_without_the_catalogue_destroys_nothing_unrevoked(tmp_path: Path) -> None:
    """Until an operator says that the provider is to be forgotten. Keys are rotated meanwhile."""
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    kept, forgotten = (
        add_connection(tmp_path, "schwab", name, CREDENTIALS_KEYS=old)
        for name in ("kept", "forgotten")
    )
    with catalogue(tmp_path) as provider:
        with running(tmp_path, PROVIDERS_FILE=CATALOGUE, CREDENTIALS_KEYS=old):
            pass
        with running(tmp_path, CREDENTIALS_KEYS=old) as server:
            assert USER.disconnect(server, kept)["status"] == "PENDING"
            assert unplug("providers", "--forget", "schwab", cwd=tmp_path).returncode == 0
            assert USER.disconnect(server, forgotten)["status"] == "NOT_ATTEMPTED"
        again = unplug("providers", "--forget", "schwab", cwd=tmp_path)
        assert again.returncode == ExitCode.FAILED
        assert "No server has had schwab in its catalogue" in again.stderr
        rotated = unplug("rotate-keys", cwd=tmp_path, CREDENTIALS_KEYS=f"{new},{old}")
        assert rotated.stdout == "1 re-encrypted, 0 unreadable\n"
        assert provider.asked == []

        with running(tmp_path, PROVIDERS_FILE=CATALOGUE, CREDENTIALS_KEYS=new) as server:
            assert USER.settled(server, kept)["status"] == "ACCEPTED"
        assert set(provider.tokens) == {"kept-refresh", "kept-access"}
    assert nothing_left(tmp_path)


def nothing_left(folder: Path) -> bool:
    """Whether no ciphertext is in the database's files. Fernet's begins with these letters."""
    return not any(b"gAAAA" in file.read_bytes() for file in folder.glob("unplug.sqlite3*"))
