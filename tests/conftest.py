"""Rules for the whole suite."""

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.reports import pytest_terminal_summary
from tests.support.secrecy import files_with_credentials, without_secrets
from tests.support.servers.fixtures import (
    iam,
    nats_server,
    oauth_server,
    oidc_provider,
    pgbouncer,
    postgres_server,
    postgres_url,
)

__all__ = [
    "iam",
    "nats_server",
    "oauth_server",
    "oidc_provider",
    "pgbouncer",
    "postgres_server",
    "postgres_url",
    "pytest_terminal_summary",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("resilience")
    group.addoption("--resilience-seconds", default="15", help="How long faults go on per set-up.")
    group.addoption("--webhook-users", default="8", help="Users in the test of killed nodes.")
    group.addoption("--webhook-commands", default="4", help="Disconnections of each of them.")
    group.addoption("--silent-users", default="20000", help="Whose logs no follower may read.")
    group.addoption("--revocations", default="300", help="Pending at a slow provider at once.")
    group.addoption("--resilience-seed", help="Faults and load as in the run with this seed.")


def pytest_configure() -> None:
    """What processes inherit: Ctrl-C, which a shell ignores for background jobs, and our `tests`.

    Canaille's wheel has a package of that name, too, and its folder comes before ours.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first, so that no process is left with them when others are done."""
    items.sort(key=lambda item: "resilience" not in item.path.parts)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that is skipped has failed: something that it needs was not installed."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}"
    if report.passed and report.when == "teardown":  # and it has what was captured before
        try:
            without_secrets(report.capstdout + report.capstderr + report.caplog)
        except AssertionError as error:
            report.outcome, report.longrepr = "failed", f"{item.nodeid} wrote {error}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """All that tests left in their folders, databases and logs, has no credential in the clear."""
    if hasattr(session.config, "workerinput"):
        return  # the process that started this one looks at the folders of all
    factory: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
    if leaks := files_with_credentials(factory.getbasetemp()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        reporter.write_line(f"credentials in the clear: {', '.join(map(str, leaks))}", red=True)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped in CI: {report.longrepr}"
    return report
