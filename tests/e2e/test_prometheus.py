"""A real Prometheus, with the configuration and the rules that are shipped, scrapes a whole suite as users run it."""

import asyncio
import json
import re
import shutil
import subprocess
from contextlib import contextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest
import yaml
from documented import ROOT
from monitoring import RULES, alerts, expressions
from suite import running_suite, until

from cambus.cli.stack.stack import SERVICES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="prometheus is not installed (Debian: prometheus)"
    ),
]
CONFIGURATIONS = [
    ROOT / "docker" / "prometheus" / "prometheus.yml",
    ROOT / "k8s" / "components" / "monitoring" / "prometheus.yml",
]
KEY_SERIES = (
    *("cambus_ready", "cambus_build_info", "cambus_events_published_total", "cambus_nats_connected"),
    *("cambus_connector_devices", "cambus_connector_records", "cambus_outbox_events", "cambus_leases_held"),
    *("cambus_relay_viewers_limit", "cambus_recorder_disk_free_bytes", "cambus_upgrade_campaigns_running"),
    *("cambus_jetstream_stream_bytes", "cambus_jetstream_consumer_pending_events", "cambus_alarms_waiting"),
)


def shipped(path, addresses):
    """A configuration as it is shipped, with the addresses of this machine: only the services, asked every second."""
    found = yaml.safe_load(path.read_text())
    (job,) = [each for each in found["scrape_configs"] if each["job_name"] == "cambus"]
    if "static_configs" in job:
        labels = {each["labels"]["service"] for each in job["static_configs"]}
    else:  # names in the DNS of the cluster
        labels = {
            name.removeprefix("_http._tcp.").removesuffix("-replicas")
            for name in job["dns_sd_configs"][0]["names"]
        }
    assert labels == set(SERVICES)
    kept = {key: value for key, value in job.items() if not key.endswith("_configs")}
    targets = [{"targets": [address], "labels": {"service": name}} for name, address in addresses.items()]
    return {
        "global": {**found["global"], "scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": list(map(str, RULES)),
        "scrape_configs": [{**kept, "static_configs": targets}],
    }


@contextmanager
def prometheus(configuration, folder):
    """A Prometheus of its own, on loopback only; asks its API."""
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    log = (folder / "prometheus.log").open("wb")
    process = subprocess.Popen(
        [
            *("prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
            *("--web.listen-address=127.0.0.1:0", "--log.format=json"),
        ],
        stdout=log,
        stderr=log,
    )
    try:
        yield lambda: _address(folder / "prometheus.log")
    finally:
        process.terminate()
        process.wait()
        log.close()


def _address(log):
    """Where it listens, as it logs; empty: not yet."""
    for line in log.read_text().splitlines():
        said = json.loads(line)
        if said.get("msg") == "Listening on" and "address" in said:
            return said["address"]
    return ""


@pytest.fixture(scope="module")
def told(folder):
    """What Prometheus says of a suite, for each configuration."""
    found = {}

    async def run():
        async with running_suite(folder) as suite:
            addresses = {name: urlsplit(await suite.url(name)).netloc for name in SERVICES}
            for number, path in enumerate(each for each in CONFIGURATIONS if each.exists()):
                place = folder / f"prometheus-{number}"
                place.mkdir()
                with prometheus(shipped(path, addresses), place) as address:
                    await until(address, what="Prometheus listens")

                    async def ask(what, address=address, **parameters):
                        url = f"http://{address()}/api/v1/{what}"
                        async with suite.http.get(url, params=parameters) as answer:
                            return (await answer.json())["data"]

                    async def scraped(ask=ask):
                        targets = (await ask("targets"))["activeTargets"]
                        return targets and all(each["health"] == "up" for each in targets)

                    async def seen(ask=ask):
                        names = set(await ask("label/__name__/values"))
                        return names >= set(KEY_SERIES)

                    await until(lambda: _there(scraped), what="all targets are up")
                    await until(lambda: _there(seen), what="key series are there")
                    found[path] = {what: await ask(what) for what in ("targets", "rules", "alerts")}
                    found[path]["panels"] = {
                        place: (await ask("query", query=_chosen(expression)))["result"]
                        for place, expression in expressions()
                    }

    asyncio.run(run())
    return found


def _chosen(expression):
    """An expression as Grafana asks it when everything is chosen."""
    return re.sub(r'"\$\w+"', '".*"', expression.replace("$__rate_interval", "1m"))


async def _there(condition):
    try:
        return await condition()
    except (aiohttp.ClientError, OSError, KeyError):
        return False


def test_every_service_is_scraped_without_an_error(told):
    for said in told.values():
        targets = said["targets"]["activeTargets"]
        assert {each["labels"]["service"] for each in targets} == set(SERVICES)
        assert {(each["health"], each["lastError"]) for each in targets} == {("up", "")}


def test_the_rules_are_loaded_and_none_fails(told):
    for said in told.values():
        rules = [rule for group in said["rules"]["groups"] for rule in group["rules"]]
        assert {rule["name"] for rule in rules} == {alert["alert"] for alert in alerts()}
        assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
        assert {rule.get("lastError", "") for rule in rules} == {""}


def test_a_suite_that_has_just_started_raises_no_critical_alarm(told):
    for said in told.values():
        firing = [each["labels"] for each in said["alerts"]["alerts"] if each["state"] == "firing"]
        assert not [labels for labels in firing if labels["severity"] == "critical"], firing


def test_what_dashboards_ask_is_answered(told):
    for said in told.values():
        for place in (
            "fleet: Devices",
            "fleet: Ready replicas",
            "media: Fullest relay",
            "nats: How full",
            "events: Behind",
        ):
            assert said["panels"][place], place
