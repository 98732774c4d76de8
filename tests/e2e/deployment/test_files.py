"""The unit and the alert rules of `docs/deploy`, each checked by the program that reads it."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from infrastructure.observability.metrics import Metrics
from tests.support.servers.deployment import DEPLOY

ALERTS = DEPLOY / "alerts.yml"


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    needs("systemd-analyze", "systemd")
    text = (DEPLOY / "unplug@.service").read_text()
    program = tmp_path / "unplug"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "unplug@8000.service"
    unit.write_text(text.replace("/opt/unplug/.venv/bin/unplug", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_alerts_are_about_metrics_that_exist() -> None:
    families = {family.name: family for family in Metrics().registry.collect()}
    text = ALERTS.read_text()
    named = set(re.findall(r"\bunplug_\w+", text))
    for name in named:
        assert re.sub(r"_(total|bucket|count|sum)$", "", name) in families, name
    assert set(re.findall(r"- alert: (\w+)", text)) == set(TROUBLES)


class Trouble(NamedTuple):
    """What a metric's series look like for an hour, by minutes, in trouble and in calm."""

    bad: Mapping[str, str]
    calm: Mapping[str, str]


def lag(bucket: str) -> str:
    return f'unplug_delivery_lag_seconds_bucket{{instance="a",le="{bucket}"}}'


def revoked(outcome: str) -> str:
    return f'unplug_revocation_seconds_count{{instance="a",outcome="{outcome}",provider="acme"}}'


FAILED = 'unplug_command_seconds_count{instance="a",outcome="database_error"}'
MISSED = 'unplug_wake_ups_total{instance="a",way="missed"}'
IDLE = 'unplug_database_connections{instance="a",state="idle"}'
LIMIT = 'unplug_limits_hit_total{instance="a",limit="mutation_rate"}'
UP = 'up{instance="a",job="unplug"}'
OPEN = 'unplug_open_attempts{instance="a"}'
OLDEST = 'unplug_revocations_oldest_seconds{instance="a"}'
BEHIND = 'unplug_webhook_oldest_seconds{endpoint="e",instance="a"}'


def webhook(state: str) -> str:
    return f'unplug_webhook_state{{endpoint="e",instance="a",last_status="500",state="{state}"}}'


TROUBLES = {
    "UnplugDown": Trouble({UP: "0x60"}, {UP: "1x60"}),
    "UnplugCommandsFail": Trouble({FAILED: "0+6x60"}, {FAILED: "3x60"}),
    "UnplugAttemptsWithoutOutcome": Trouble({OPEN: "101x60"}, {OPEN: "100x60"}),
    "UnplugEventsComeLate": Trouble(
        {lag("2.5"): "0+90x60", lag("5"): "0+100x60", lag("+Inf"): "0+100x60"},
        {lag("1"): "0+100x60", lag("2.5"): "0+100x60", lag("+Inf"): "0+100x60"},
    ),
    "UnplugWakeUpsMissed": Trouble({MISSED: "0+10x60"}, {MISSED: "0+1x60"}),
    "UnplugWebhookFailing": Trouble({webhook("failing"): "1x60"}, {webhook("active"): "1x60"}),
    "UnplugWebhookBehind": Trouble({BEHIND: "601x60"}, {BEHIND: "600x60"}),
    "UnplugPoolUsedUp": Trouble({IDLE: "0x60"}, {IDLE: "1x60"}),
    "UnplugRevocationsWait": Trouble({OLDEST: "21601x60"}, {OLDEST: "21600x60"}),
    "UnplugRevocationsFail": Trouble(
        {revoked("gave_up"): "0+1x60"}, {revoked("accepted"): "0+9x60", revoked("refused"): "5x60"}
    ),
    "UnplugLimitsHit": Trouble({LIMIT: "0+120x60"}, {LIMIT: "0+30x60"}),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_an_alert_fires_in_trouble_and_not_in_calm(name: str, tmp_path: Path) -> None:
    """In the language of promtool's tests, as JSON, which is YAML."""
    needs("promtool", "prometheus")
    trouble = TROUBLES[name]
    file = tmp_path / "test.json"
    cases = [case(name, trouble.bad, firing=True), case(name, trouble.calm, firing=False)]
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "tests": cases}))
    command = ["promtool", "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def case(name: str, series: Mapping[str, str], *, firing: bool) -> dict[str, object]:
    summaries = dict(re.findall(r"alert: (\w+)\n(?:.*\n)*?.*summary: (.*)\n", ALERTS.read_text()))
    alert = {"exp_annotations": {"summary": summaries[name]}, "exp_labels": LABELS.get(name, {})}
    return {
        "interval": "1m",
        "input_series": [{"series": key, "values": value} for key, value in series.items()],
        "alert_rule_test": [
            {"eval_time": "60m", "alertname": name, "exp_alerts": [alert] if firing else []}
        ],
    }


LABELS = {
    "UnplugDown": {"instance": "a", "job": "unplug"},
    "UnplugPoolUsedUp": {"instance": "a"},
    "UnplugWebhookFailing": {"endpoint": "e"},
    "UnplugWebhookBehind": {"endpoint": "e"},
    "UnplugRevocationsFail": {"provider": "acme"},
    "UnplugLimitsHit": {"limit": "mutation_rate"},
}
"""What operators see of where it is."""


def needs(program: str, package: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed; it is in your system's package `{package}`")
