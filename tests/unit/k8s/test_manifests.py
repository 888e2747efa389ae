"""The manifests as they are shipped, and what the documentation says of them."""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import aiohttp
import k8s_validate
import pytest
import yaml
from k8s_validate import K8S, PAGE, faults
from manifests.network import faults_of_network, unused_policies
from manifests.references import documented_secrets, sources_of
from manifests.rendering import SINGLE, Variant, everything, variants
from manifests.resources import Resources
from manifests.schemas import VERSIONS, faults_of_schemas
from rendered import overlay, rendered, rendered_everything, rendered_overlay

from cambus.bus.health import Health
from cambus.bus.http import HttpServer
from cambus.bus.metrics import Metrics
from cambus.cli.devices_file import load_devices
from cambus.cli.stack.options import SERVICES
from cambus.connector.media_metrics import MediaMetrics
from cambus.connector.metrics import SessionMetrics
from cambus.media_relay.metrics import RelayMetrics

OLDEST_AND_NEWEST = (VERSIONS[0], VERSIONS[-1])
_BLOCK = re.compile(r"^( *)```yaml\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_METRIC = re.compile(r"cambus_[a-z_]+")


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_an_overlay_is_without_faults(name: str) -> None:
    assert faults(rendered_overlay(name), OLDEST_AND_NEWEST) == []


def test_the_base_is_without_faults_beside_a_nats_of_others() -> None:
    assert faults(rendered(Variant(K8S / "base")), OLDEST_AND_NEWEST, complete=False) == []


def test_everything_together_is_without_faults_and_needs_every_policy() -> None:
    resources = rendered_everything()
    assert faults(resources, OLDEST_AND_NEWEST) == []
    assert unused_policies(resources) == []


def test_every_overlay_and_every_component_is_rendered_by_the_check() -> None:
    checked = list(variants(K8S))
    overlays = {each.parent for each in K8S.glob("overlays/*/kustomization.yaml")}
    assert overlays | {K8S / "base"} == {each.folder for each in checked}
    for folder in overlays:
        held = {
            Path(each).name
            for each in yaml.safe_load((folder / "kustomization.yaml").read_text())["components"]
        }
        added = {name for each in checked if each.folder == folder for name in each.components}
        known = {each.parent.name for each in K8S.glob("components/*/kustomization.yaml")}
        assert held | added | {SINGLE} == known
        assert everything(K8S, folder) in checked


def test_who_has_no_renderer_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert k8s_validate.main() == 2
    assert "needs kustomize, or kubectl" in capsys.readouterr().err


def test_the_table_of_secrets_has_those_that_are_mounted_and_no_others() -> None:
    mounted = {
        name
        for resources in (rendered_everything(), rendered_overlay("dev"))
        for workload in resources.workloads()
        for volume in workload.pod.get("volumes", ())
        for kind, name, _ in sources_of(volume)
        if kind == "secret"
    }
    assert documented_secrets(PAGE).keys() == mounted


def test_yaml_of_the_page_is_as_kubernetes_takes_it() -> None:
    blocks = [yaml.safe_load(text) for _, text in _BLOCK.findall(PAGE.read_text())]
    manifests = [each for each in blocks if "kind" in each]
    assert {each["kind"] for each in manifests} == {"Ingress", "Service"}
    for version in OLDEST_AND_NEWEST:
        assert faults_of_schemas(Resources(manifests), version) == []
    others = [each for each in blocks if "kind" not in each]
    assert others
    assert all(each.keys() <= {"images", "patches", "configMapGenerator"} for each in others)


def test_the_overlay_of_the_page_on_tracing_lets_services_reach_the_collector(tmp_path: Path) -> None:
    page = (PAGE.parent / "tracing.md").read_text()
    kustomization, policy = (yaml.safe_load(text) for _, text in _BLOCK.findall(page))
    (named,) = kustomization["resources"]
    (tmp_path / named).write_text(yaml.safe_dump(policy))
    prod = os.path.relpath(overlay("prod").resolve(), tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump({**kustomization, "resources": [prod, named]})
    )
    resources = rendered(Variant(tmp_path))
    assert faults_of_network(resources) == []
    assert faults_of_schemas(Resources([policy]), VERSIONS[0]) == []
    without = [each for each in resources.manifests if each["metadata"]["name"] != policy["metadata"]["name"]]
    shut_in = faults_of_network(Resources(without))
    assert len(shut_in) == len(SERVICES)
    assert all("to otel-collector.observability.svc, port 4318" in each for each in shut_in)


def test_simulated_devices_are_known_by_the_names_of_their_services(tmp_path: Path) -> None:
    file = tmp_path / "devices.yaml"
    file.write_bytes((K8S / "components" / "simulators" / "devices.yaml").read_bytes())
    (tmp_path / "simulator.password").write_text("not a real one")
    services = {each["metadata"]["name"] for each in rendered_overlay("dev").of("Service")}
    addresses = {each.address.partition(":")[0] for each in load_devices(file) if each.address}
    assert addresses
    assert addresses <= services


async def test_every_path_a_probe_asks_of_a_service_is_there() -> None:
    resources = rendered_everything()
    paths = {
        container[probe]["httpGet"]["path"]
        for workload in resources.workloads()
        for container in workload.containers
        if container["name"] == "service"
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
    }
    server = HttpServer(Metrics(), Health())
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            for path in paths:
                async with asyncio.timeout(30), session.get(f"{server.url}{path}") as response:
                    assert response.status == 200
    finally:
        await server.stop()


def test_what_scales_is_counted_by_the_services() -> None:
    metrics = Metrics()
    SessionMetrics(metrics, "dvrip")
    MediaMetrics(metrics, "dvrip")
    RelayMetrics(metrics)
    counted = metrics.render().decode()
    asked = {
        name
        for scaled in rendered_everything().of("ScaledObject")
        for trigger in scaled["spec"]["triggers"]
        for name in _METRIC.findall(trigger["metadata"]["query"])
    }
    assert asked
    assert all(f"# TYPE {name} gauge" in counted for name in asked)


@pytest.mark.parametrize(
    ("name", "folder"), [("prometheus-rules", "rules"), ("grafana-dashboards", "dashboards")]
)
def test_every_rule_and_dashboard_is_installed(name: str, folder: str) -> None:
    (data,) = (
        each["data"]
        for each in rendered_everything().of("ConfigMap")
        if each["metadata"]["name"].startswith(f"{name}-")
    )
    files = {each.name: each.read_text() for each in (K8S / "components" / "monitoring" / folder).iterdir()}
    assert data == files


def test_the_script_of_secrets_is_shell_that_can_be_read() -> None:
    script = K8S / "secrets.sh"
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    assert script.stat().st_mode & 0o111


def test_overlays_of_users_are_checked_too(tmp_path: Path) -> None:
    (tmp_path / "overlays" / "site").mkdir(parents=True)
    (tmp_path / "overlays" / "site" / "kustomization.yaml").write_text("resources: [../../base]\n")
    assert Variant(tmp_path / "overlays" / "site") in list(variants(tmp_path))
    assert overlay("prod").is_dir()


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    (tmp_path / "prometheus.yml").write_bytes(
        (K8S / "components" / "monitoring" / "prometheus.yml").read_bytes()
    )
    command = [promtool, "check", "config", "--syntax-only", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
