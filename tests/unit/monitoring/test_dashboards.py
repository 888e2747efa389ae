"""The dashboards as Grafana is given them."""

import shutil
import subprocess

import dashboards as tool
import pytest
import yaml
from monitoring import dashboards, expressions
from promql import asked_for

EACH = sorted(dashboards().items())


@pytest.fixture(params=[dashboard for _, dashboard in EACH], ids=[name for name, _ in EACH])
def dashboard(request):
    return request.param


def test_the_files_are_what_is_declared():
    assert tool.main(["--check"]) == 0


def test_a_file_that_differs_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, "FOLDER", tmp_path)
    tool.main([])
    assert tool.main(["--check"]) == 0
    (tmp_path / "fleet.json").write_text("{}")
    (tmp_path / "left.json").write_text("{}")
    assert tool.main(["--check"]) == 1
    assert "fleet.json, left.json" in capsys.readouterr().out
    tool.main([])
    assert not (tmp_path / "left.json").exists()


def test_all_that_operators_look_at_is_there():
    assert [name for name, _ in EACH] == ["connector", "events", "fleet", "media", "nats", "recorder"]


def test_it_can_be_provisioned_as_it_is(dashboard):
    assert dashboard["uid"].startswith("cambus-")
    assert "id" not in dashboard
    assert dashboard["schemaVersion"] >= 39
    variables = dashboard["templating"]["list"]
    assert variables[0]["type"] == "datasource"
    sources = [panel["datasource"] for panel in dashboard["panels"] if panel["type"] != "row"]
    assert {source["uid"] for source in sources} == {"${datasource}"}


def test_panels_do_not_overlap_and_fit(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells


def test_every_panel_says_what_it_is_and_in_which_unit(dashboard):
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_variables_are_used_and_known(dashboard):
    known = {variable["name"] for variable in dashboard["templating"]["list"]} - {"datasource"}
    matchers = [
        matcher
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        for selector in asked_for(target["expr"]).selectors
        for matcher in selector.matchers
    ]
    used = {value[1:] for _, operator, value in matchers if value.startswith("$") and operator == "=~"}
    assert used == known


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_reads_every_expression(tmp_path):
    rules = [
        {"record": f"each:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, (_, expression) in enumerate(expressions())
    ]
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
