"""Nothing is lost, doubled, half done or out of order, also when processes are killed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.resilience.run import run
from tests.resilience.setups import SETUPS, Setup
from tests.support.reports import RESILIENCE


# A connection that is cut while it is being made is left to the collector, which complains.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.name)
async def test_promises_hold_whatever_breaks(
    setup: Setup,
    tmp_path: Path,
    resilience_seconds: float,
    resilience_seed: str,
    record_property: Callable[[str, object], None],
) -> None:
    report = await run(setup, tmp_path, resilience_seconds, resilience_seed)
    record_property(RESILIENCE, str(report))
    assert not report.verdict.broken, f"{report}\n{report.verdict}\n{report.troubles}"
