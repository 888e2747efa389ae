"""The alerts as Prometheus is given them: each fires when it should, and not before."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from documented import ROOT
from monitoring import RULES, alerts

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))
"""Those of each file of rules: with all rules in each scenario, Prometheus would work five times as long."""

RUNBOOKS = "docs/operations/runbooks.md"
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


@promtool
def test_prometheus_takes_the_rules():
    done = subprocess.run(
        ["promtool", "check", "rules", *map(str, RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
@pytest.mark.parametrize("scenarios", SCENARIOS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(scenarios):
    done = subprocess.run(
        ["promtool", "test", "rules", str(scenarios)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_scenario_where_it_fires_and_one_where_it_does_not():
    fires, quiet = set(), set()
    for scenario in (each for path in SCENARIOS for each in yaml.safe_load(path.read_text())["tests"]):
        for expected in scenario["promql_expr_test"]:
            name = re.search(r'alertname="(\w+)"', expected["expr"])[1]
            (fires if expected["exp_samples"] else quiet).add(name)
    assert fires == quiet == {alert["alert"] for alert in alerts()}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(alert):
    assert alert["alert"].startswith("Cambus")
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    notes = alert["annotations"]
    assert notes["summary"]
    assert not notes["summary"].endswith(".")
    assert notes["description"].endswith(".")
    page, _, section = notes["runbook_url"].partition("#")
    assert page == RUNBOOKS
    parts = (ROOT / page).read_text().split("\n## ")[1:]
    sections = {part.partition("\n")[0].lower().replace(" ", "-"): part for part in parts}
    assert f"`{alert['alert']}`" in sections[section], "who has only the name of the alert looks for it"


def test_names_are_unique():
    names = [alert["alert"] for alert in alerts()]
    assert len(set(names)) == len(names)


def test_the_page_for_operators_lists_every_alert():
    page = (ROOT / "docs/operations/monitoring.md").read_text()
    assert set(re.findall(r"`(Cambus[A-Z]\w+)`", page)) == {alert["alert"] for alert in alerts()}
