"""`unplug token`, as a script or a person would use it."""

from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import jwt
import pytest

from infrastructure.failures import ExitCode
from tests.support.processes import SECRET, unplug

USER = UUID("0192f0c1-2345-7abc-8def-0123456789ab")


def test_a_token_is_printed_and_nothing_else(tmp_path: Path) -> None:
    done = unplug("token", str(USER), "--expires-in", "1h30m", cwd=tmp_path, TOKEN_SECRET=SECRET)
    assert (done.returncode, done.stderr) == (0, "")
    claims = jwt.decode(done.stdout.strip(), SECRET, algorithms=["HS256"])
    assert claims["sub"] == str(USER)
    assert claims["exp"] - claims["iat"] == 5400


def test_a_services_token_has_its_name_its_scopes_and_its_audience(tmp_path: Path) -> None:
    scopes = ("--scope", "connections:read", "--scope", "credentials:read connections:write")
    done = unplug("token", "--service", "sync", *scopes, cwd=tmp_path, TOKEN_SECRET=SECRET)
    assert (done.returncode, done.stderr) == (0, "")
    claims = jwt.decode(
        done.stdout.strip(), SECRET, algorithms=["HS256"], audience="unplug-service"
    )
    assert claims["sub"] == "sync"
    assert claims["scope"] == "connections:read credentials:read connections:write"


def test_an_option_may_come_from_the_environment(tmp_path: Path) -> None:
    done = unplug("token", str(USER), cwd=tmp_path, TOKEN_SECRET=SECRET, EXPIRES_IN="2d")
    claims = jwt.decode(done.stdout.strip(), SECRET, algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == 2 * 86400


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("token", str(USER)), {}, "UNPLUG_TOKEN_SECRET: needed to sign tokens"),
        (("token", str(USER)), {"TOKEN_SECRET": "hunter2"}, "UNPLUG_TOKEN_SECRET: needs 32 bytes"),
        (("token", "alice"), {"TOKEN_SECRET": SECRET}, "USER_ID"),
        (("token", str(USER), "--expires-in", "soon"), {"TOKEN_SECRET": SECRET}, "--expires-in"),
        (("token",), {"TOKEN_SECRET": SECRET}, "name a user, or a service"),
        (("token", str(USER), "--service", "x"), {"TOKEN_SECRET": SECRET}, "USER_ID"),
        (("token", "--service", "x"), {"TOKEN_SECRET": SECRET}, "--scope"),
        (("token", "--service", "x", "--scope", 'a"b'), {"TOKEN_SECRET": SECRET}, "--scope"),
        (("token", "--service", " ", "--scope", "a"), {"TOKEN_SECRET": SECRET}, "--service"),
        (("token", str(USER), "--scope", "a"), {"TOKEN_SECRET": SECRET}, "only services"),
        (("token", "--service", "x", "--scope", "a"), {}, "UNPLUG_TOKEN_SECRET: needed"),
        (("tokens",), {}, "No such command"),
    ],
)
def test_wrong_use_is_said_in_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...], settings: dict[str, str], message: str
) -> None:
    done = unplug(*arguments, cwd=tmp_path, **settings)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


def test_variables_that_are_no_settings_are_refused(tmp_path: Path) -> None:
    settings = {"TOKEN_SECRET": SECRET, "TOKEN_ISUER": "me", "SERVICE_HOST": "10.0.0.1"}
    done = unplug("token", str(USER), cwd=tmp_path, **settings)
    assert (done.returncode, done.stdout) == (ExitCode.WRONG_USAGE, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("UNPLUG_SERVICE_HOST: there is no such setting; Kubernetes sets it")
    assert second == (
        "UNPLUG_TOKEN_ISUER: there is no such setting; did you mean UNPLUG_TOKEN_ISSUER?"
    )


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    done = unplug("--version", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"{version('unplug')}\n")
