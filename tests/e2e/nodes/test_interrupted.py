"""Ctrl-C at any time ends a command without a traceback."""

import subprocess
import sys

import pytest

from infrastructure.failures import ExitCode

CTRL_C_WHILE_IMPORTING = """
import os, signal, sys

class CtrlC:
    def find_spec(self, name, path, target=None):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)

wanted = sys.argv[1]
sys.meta_path.insert(0, CtrlC())
from infrastructure.cli import main
sys.argv = ["unplug", "schema"]
main()
"""


@pytest.mark.parametrize("module", ["typer", "pydantic", "infrastructure.app", "strawberry"])
def test_while_modules_are_imported(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CTRL_C_WHILE_IMPORTING, module],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (ExitCode.INTERRUPTED, "")
    assert done.stderr.strip() == ""
