"""`unplug providers`, and a server's look at its catalogue."""

from pathlib import Path

import pytest

from infrastructure.failures import ExitCode
from tests.support.processes import SECRET, unplug

CATALOGUE = """\
[github]
preset = "github"
client_id = "Iv1.8a61f9b3a7aba766"
client_secret_file = "github.secret"

[schwab]
preset = "none"
name = "Schwab"
manage_url = "https://www.schwab.com/"
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    (tmp_path / "github.secret").write_text("hunter2\n")
    file = tmp_path / "providers.toml"
    file.write_text(CATALOGUE)
    return file


def test_what_would_be_sent_is_printed_without_secrets(catalogue: Path) -> None:
    done = unplug("providers", cwd=catalogue.parent, PROVIDERS_FILE=catalogue.name)
    assert (done.returncode, done.stderr) == (0, "")
    assert "DELETE https://api.github.com/applications/{client_id}/grant" in done.stdout
    assert "[schwab]  Schwab\n  no way for apps to end access\n" in done.stdout
    assert "hunter2" not in done.stdout


def test_a_secret_is_named_by_its_variable(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.write_text(CATALOGUE.replace('file = "github.secret"', 'env = "GITHUB_SECRET"'))
    done = unplug("providers", cwd=catalogue.parent, PROVIDERS_FILE=catalogue.name)
    assert done.returncode == ExitCode.WRONG_USAGE
    assert "[github] client_secret_env: the variable is not set" in done.stderr
    monkeypatch.setenv("GITHUB_SECRET", "hunter2")
    done = unplug("providers", cwd=catalogue.parent, PROVIDERS_FILE=catalogue.name)
    assert done.returncode == 0
    assert "hunter2" not in done.stdout


def test_known_providers_need_no_catalogue(tmp_path: Path) -> None:
    done = unplug("providers", "--known", cwd=tmp_path)
    assert done.returncode == 0
    assert "https://oauth2.googleapis.com/revoke" in done.stdout
    done = unplug("providers", cwd=tmp_path)
    assert "no provider in the catalogue" in done.stdout


@pytest.mark.parametrize("command", ["providers", "serve"])
def test_a_catalogue_that_is_wrong_is_refused(catalogue: Path, command: str) -> None:
    catalogue.write_text(CATALOGUE.replace("client_secret_file", "client_secret_fil"))
    settings = {"PROVIDERS_FILE": str(catalogue), "TOKEN_SECRET": SECRET, "PORT": "0"}
    done = unplug(command, cwd=catalogue.parent, **settings)
    assert done.returncode == ExitCode.WRONG_USAGE
    assert "UNPLUG_PROVIDERS_FILE: [github] client_secret_fil: there is no such key" in done.stderr
    assert "hunter2" not in done.stderr
