"""What `unplug` prints before a command runs."""

from typer.testing import CliRunner

from infrastructure.cli import app
from infrastructure.failures import ExitCode


def test_help_lists_every_exit_code() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).stdout
    for code in ExitCode:
        assert f"{code:>4}  {code.meaning}" in shown
