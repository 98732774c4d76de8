"""What `unplug` prints before a command runs."""

import pytest
from typer.testing import CliRunner

from infrastructure.commands.command_line import app
from infrastructure.failures import ExitCode


def shown(*arguments: str) -> str:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "120"}).output


def test_help_lists_every_exit_code() -> None:
    for code in ExitCode:
        assert f"{code:>4}  {code.meaning}" in shown("--help")


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ((), " [OPTIONS] COMMAND"),
        (("token",), "token [OPTIONS] [USER_ID]"),
        (("events",), "events [OPTIONS] [USER_ID]"),
        (("import",), "import [OPTIONS] FILE.jsonl"),
        (("demo",), "demo [OPTIONS]"),
    ],
)
def test_help_is_plain(command: tuple[str, ...], usage: str) -> None:
    text = shown(*command, "-h")
    assert text == shown(*command, "--help")
    assert usage in text
    for form in ("<bool>", "<str>", "{", "FileBinaryRead"):
        assert form not in text


def test_a_misspelt_command_is_refused_with_the_nearest() -> None:
    result = CliRunner().invoke(app, ["imprt"])
    assert result.exit_code == ExitCode.WRONG_USAGE
    assert "Did you mean 'import'?" in result.output
