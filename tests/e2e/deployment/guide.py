"""Commands that stand in the guides, run as they stand there."""

import os
import subprocess
from pathlib import Path

from tests.support.servers.postgres import postgres_programs
from tests.unit.docs.pages import OPERATORS

OWNER = "postgres://unplug_owner:PASSWORD@db.internal/unplug"
"""In the guides."""


def run_commands(program: str, folder: Path, owner: str | None = None) -> None:
    """The guide's only block of commands that begins with this program.

    `owner` is the database's URL; without it there is a SQLite file in the folder.
    """
    blocks = [each.text for each in OPERATORS.blocks("sh") if each.text.startswith(f"{program} ")]
    (script,) = blocks
    path = os.environ["PATH"]
    if owner is not None:
        script = script.replace(OWNER, owner)
        path = f"{postgres_programs()}:{path}"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": path},
        check=True,
        capture_output=True,
        text=True,
    )
