"""Breaks the code in many small ways, one at a time, and counts what the tests notice.

    uv run --group dev --group mutation python -m tests.mutation

Exit code 1 when fewer than `--least` per cent of the changes are noticed.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutation.mutants import Mutant, sample
from tests.mutation.workspace import ROOT, Workspace

PACKAGES = ("domain", "infrastructure/persistence", "infrastructure/live", "schema/execution")
TESTS = (
    *("tests/unit", "tests/contracts", "tests/integration"),
    *("--ignore=tests/contracts/test_on_postgres.py", "--ignore=tests/integration/postgres"),
    "--ignore-glob=*_fuzz.py",
)
"""What runs in one process and needs seconds."""


def main() -> int:
    options = _options()
    mutants = sample(ROOT, options.package or PACKAGES, options.count, options.seed)
    killed = 0
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        tested = _killed(mutants, options.tests or TESTS, Path(folder), options.jobs)
        for mutant, noticed in zip(mutants, tested, strict=True):
            killed += noticed
            if not noticed:
                print(f"  {mutant}: {_line(mutant)}", flush=True)  # noqa: T201
    share = 100 * killed / len(mutants)
    print(f"{killed} of {len(mutants)} mutants are killed: {share:.1f} %.")  # noqa: T201
    return int(share < options.least)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="How many changes (200).")
    parser.add_argument("--seed", type=int, default=1, help="Which ones (1).")
    parser.add_argument("--least", type=float, default=95, help="Per cent to be noticed (95).")
    parser.add_argument("--jobs", type=int, default=2, help="Copies that are tested at once (2).")
    parser.add_argument("--package", action="append", help=f"Folders ({' '.join(PACKAGES)}).")
    parser.add_argument("tests", nargs="*", help=f"Arguments for pytest ({' '.join(TESTS)}).")
    return parser.parse_args()


def _killed(
    mutants: Sequence[Mutant], tests: Sequence[str], folder: Path, jobs: int
) -> Iterator[bool]:
    spaces = [Workspace(folder / str(number)) for number in range(jobs)]
    packages = sorted({str(mutant.module.parent) for mutant in mutants})
    covering, recorded = spaces[0].record(packages, tests), spaces[0].path
    free: SimpleQueue[Workspace] = SimpleQueue()
    for space in spaces:
        free.put(space)

    def killed(mutant: Mutant) -> bool:
        space = free.get()
        try:
            return space.kills(mutant, covering.tests(recorded / mutant.module, mutant.line))
        finally:
            free.put(space)

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(killed, mutants)


def _line(mutant: Mutant) -> str:
    text = (ROOT / mutant.module).read_text(encoding="utf-8")
    return text.splitlines()[mutant.line - 1].strip()


if __name__ == "__main__":
    raise SystemExit(main())
