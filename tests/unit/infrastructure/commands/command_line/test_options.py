"""Values of options are taken as they are written, or refused."""

import pytest
from typer.testing import CliRunner

from infrastructure.commands.command_line import app
from infrastructure.failures import ExitCode


@pytest.mark.parametrize("written", ["8_0", "8080.0", "+8080", "-1", "65536", "٨٠", "http"])
@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_is_a_whole_number(command: str, written: str) -> None:
    for arguments, variables in (
        ([f"--port={written}"], {}),
        ([], {"UNPLUG_PORT": written}),
    ):
        result = CliRunner().invoke(app, [command, *arguments], env=variables)
        assert result.exit_code == ExitCode.WRONG_USAGE
        assert "from 0 to 65535" in result.output
