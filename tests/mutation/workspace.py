"""Copies of the project in which code can be broken."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tests.mutation.mutants import Mutant
from tests.mutation.recording import SECONDS, Covering

ROOT = Path(__file__).resolve().parents[2]
FAILED = 1
"""pytest's exit code when a test fails."""
STARTING = 60.0
"""Seconds that a process of pytest may take beside the tests themselves."""
HANGING = 120
"""Seconds after which a test waits for what a change has left out."""


class Workspace:
    """One copy, for one run of tests at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, path / name)

    def record(self, packages: Sequence[str], tests: Sequence[str]) -> Covering:
        """Runs all tests on the code as it is. Those that fail, or are skipped, are left out."""
        data, seconds = self.path / "covered", self.path / "seconds.json"
        done = self._python(
            *("-m", "coverage", "run", f"--source={','.join(packages)}", f"--data-file={data}"),
            *("-m", "pytest", "-n0", "-q", "--tb=line", "-p", "tests.mutation.recording", *tests),
            environment={SECONDS: str(seconds)},
        )
        if done.returncode not in (0, FAILED):
            raise SystemExit(done.stdout + done.stderr)
        if done.returncode == FAILED:
            print("Without any change:", *_failures(done.stdout), sep="\n  ")  # noqa: T201
        covering = Covering(data, seconds)
        # From here on pytest fails for a broken code's sake only.
        named = self._listed(covering.all_tests)
        collected = self._python("-m", "pytest", "-q", "--collect-only", named)
        if collected.returncode:
            raise SystemExit(collected.stdout + collected.stderr)
        return covering

    def kills(self, mutant: Mutant, tests: Sequence[tuple[str, float]]) -> bool:
        """Whether one of the tests, of which each has its seconds, fails with the change."""
        if not tests:
            return False
        module = self.path / mutant.module
        original = module.read_text(encoding="utf-8")
        deadline = STARTING + 5 * sum(seconds for _, seconds in tests)
        named = self._listed([test for test, _ in tests])
        pytest = ("-m", "pytest", "-n0", "-qx", f"--timeout={HANGING}")
        try:
            module.write_text(mutant.code(self.path), encoding="utf-8")
            _forget(module)
            return bool(self._python(*pytest, named, timeout=deadline).returncode)
        except subprocess.TimeoutExpired:
            return True
        finally:
            module.write_text(original, encoding="utf-8")
            _forget(module)

    def _listed(self, tests: Sequence[str]) -> str:
        """An argument that stands for a long list."""
        names = self.path / "tests-to-run"
        names.write_text("\n".join(tests), encoding="utf-8")
        return f"@{names}"

    def _python(
        self,
        *arguments: str,
        timeout: float | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(self.path), **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def _failures(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]


def _forget(module: Path) -> None:
    """Compiled code is told apart by size and second: two changes may look alike."""
    Path(importlib.util.cache_from_source(str(module))).unlink(missing_ok=True)
