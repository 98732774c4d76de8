"""What tests have to tell besides whether they passed: printed at the end."""

import pytest

RESILIENCE = "resilience"
"""The property of a test that has the summary of its run."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Of the tests of all processes."""
    ended = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    told = [text for test in ended for name, text in test.user_properties if name == RESILIENCE]
    if told:
        terminalreporter.section(RESILIENCE)
    for text in told:
        terminalreporter.write_line(str(text))
