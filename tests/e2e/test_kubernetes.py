"""What the manifests of production say is what runs: NATS, the job and the services with their settings, users and TLS.

Kubernetes is not there; its part - names, files, addresses - is played by folders and ports of this machine.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from k8s_validate import K8S
from manifests.resources import Resources, Workload
from manifests.settings import environment_of
from ports import free_port
from rendered import rendered_overlay

from cambus.bus.testing import LOOPBACK, find_nats_server

pytestmark = pytest.mark.slow
DEADLINE_S = 120.0
BIN = Path(sys.executable).parent
PORTS = ("RELAY_HTTP", "RELAY_RTSP", "GB28181", "GB28181_WEB", "HTTP")


def eventually(holds: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def _is_fine(url: str) -> bool:
    return status(url) == 200


class Installation:
    """The overlay of production on this machine."""

    def __init__(self, resources: Resources, folder: Path, processes: ExitStack) -> None:
        self.resources = resources
        self.folder = folder
        self.secrets = folder / "secrets"
        self._processes = processes
        self.clients, self.monitors, self.routes = ([free_port() for _ in range(3)] for _ in range(3))

    def make_secrets(self) -> None:
        """By the script that users run."""
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        script = [str(K8S / "secrets.sh"), str(self.secrets)]
        subprocess.run(script, check=True, env={**os.environ, "PATH": path}, stdout=subprocess.DEVNULL)

    def workload(self, name: str) -> Workload:
        return next(each for each in self.resources.workloads() if each.name == name)

    def map(self, name: str) -> dict[str, str]:
        found = next(
            each for each in self.resources.of("ConfigMap") if each["metadata"]["name"].startswith(f"{name}-")
        )
        data: dict[str, str] = found["data"]
        return data

    def start_nats(self, number: int) -> subprocess.Popen[bytes]:
        home = self.folder / f"nats-{number}"
        home.mkdir()
        files = {
            **self.map("nats-config"),
            "users.conf": (self.secrets / "nats-users" / "users.conf").read_text(),
            "routes.conf": (self.secrets / "routes.conf").read_text(),
        }
        for name, text in files.items():
            for there, here in (
                ("0.0.0.0:4222", f"{LOOPBACK}:{self.clients[number]}"),
                ("0.0.0.0:8222", f"{LOOPBACK}:{self.monitors[number]}"),
                ("0.0.0.0:6222", f"{LOOPBACK}:{self.routes[number]}"),
                ('"/data"', f'"{home}/data"'),
                ("/tls/", f"{self.secrets}/"),
                ("/tmp/nats.pid", f"{home}/nats.pid"),
                *((f"nats-{n}.nats-cluster:6222", f"{LOOPBACK}:{self.routes[n]}") for n in range(3)),
            ):
                text = text.replace(there, here)  # noqa: PLW2901 - one text, rewritten step by step
            (home / name).write_text(text)
        command = [str(find_nats_server()), *self.workload("nats").containers[0]["command"][1:-1]]
        return self._run(
            f"nats-{number}", [*command, str(home / "nats.conf")], {"POD_NAME": f"nats-{number}"}
        )

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a service, with addresses and files of this machine."""
        container = self.workload(name).containers[0]
        data = self.folder / name
        data.mkdir()
        user = "admin" if name == "nats-setup" else name
        environment = {}
        for key, value in environment_of(self.resources, container).items():
            environment[key] = (
                value.replace(
                    "tls://nats:4222", ",".join(f"tls://{LOOPBACK}:{port}" for port in self.clients)
                )
                .replace("http://nats:8222", f"http://{LOOPBACK}:{self.monitors[0]}")
                .replace("/run/secrets/nats/user.nk", str(self.secrets / "nats-users" / f"{user}.nk"))
                .replace("/run/secrets/nats-ca", str(self.secrets))
                .replace("/run/secrets/cambus", str(self.secrets))
                .replace("0.0.0.0", LOOPBACK)
                .replace("replica-0", f"{name}-0")
            )
            if value.startswith("/data"):
                environment[key] = str(data) + value.removeprefix("/data")
        environment |= {f"CAMBUS_{each}_PORT": "0" for each in PORTS if f"CAMBUS_{each}_PORT" in environment}
        environment.pop("CAMBUS_GB28181_MEDIA_PORTS", None)
        return environment

    def run_service(self, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"cambus.{name.replace('-', '_')}"]
        return self._run(name, command, self.environment(name))

    def http_port(self, name: str) -> int:
        """Where a service that has started says it answers."""
        found: list[int] = []

        def told() -> bool:
            lines = (line for line in self.log(name).splitlines() if '"http_port"' in line)
            found.extend(json.loads(line)["http_port"] for line in lines)
            return bool(found)

        eventually(told, lambda: f"{name} does not start: {self.log(name)[-2000:]}")
        return found[-1]

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def _run(self, name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                env={"PATH": os.environ["PATH"], **environment},
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        self._processes.callback(process.wait)
        self._processes.callback(process.kill)
        return process


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    for program in ("kubectl", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed, which k8s/secrets.sh needs")
    with ExitStack() as processes:
        yield Installation(rendered_overlay("prod"), tmp_path, processes)


def test_production_as_the_manifests_have_it_starts_and_stops(installation: Installation) -> None:
    installation.make_secrets()
    servers = [installation.start_nats(number) for number in range(3)]
    nats = installation.workload("nats").containers[0]
    for number in range(3):
        for probe in ("livenessProbe", "startupProbe", "readinessProbe"):
            url = f"http://{LOOPBACK}:{installation.monitors[number]}{nats[probe]['httpGet']['path']}"
            eventually(partial(_is_fine, url), partial(installation.log, f"nats-{number}"))

    setup = subprocess.run(
        [str(BIN / "cambusctl"), *installation.workload("nats-setup").containers[0]["args"]],
        env={"PATH": os.environ["PATH"], **installation.environment("nats-setup")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert setup.returncode == 0, setup.stderr

    names = [
        each.name for each in installation.resources.workloads() if each.containers[0]["name"] == "service"
    ]
    assert len(names) == 7
    running = {name: installation.run_service(name) for name in names}
    ports = {name: installation.http_port(name) for name in names}

    probes = {
        f"http://{LOOPBACK}:{ports[name]}{container[probe]['httpGet']['path']}": name
        for name in names
        for container in installation.workload(name).containers
        for probe in ("livenessProbe", "startupProbe", "readinessProbe")
    }

    def silent() -> dict[str, str]:
        return {url: installation.log(name)[-1500:] for url, name in probes.items() if status(url) != 200}

    assert {urlsplit(url).path for url in probes} == {"/livez", "/readyz"}
    eventually(lambda: not silent(), silent)

    # A server that is told to stop as its pod is: its clients go to the others, and it ends by itself.
    shell, option, before = nats["lifecycle"]["preStop"]["exec"]["command"]
    before = before.replace("nats-server", str(find_nats_server()))
    before = before.replace("/tmp/nats.pid", f"{installation.folder}/nats-0/nats.pid")
    subprocess.run([shell, option, before], check=True)
    servers[0].send_signal(signal.SIGTERM)  # as the pod's is, right after
    servers[0].wait(installation.workload("nats").pod["terminationGracePeriodSeconds"])
    assert re.search("lame duck", installation.log("nats-0"), re.IGNORECASE)
    eventually(lambda: not silent(), silent)

    for process in running.values():
        process.send_signal(signal.SIGTERM)
    for name, process in running.items():
        assert process.wait(installation.workload(name).pod["terminationGracePeriodSeconds"]) == 0, name
    assert not [number for number in range(3) if "Violation" in installation.log(f"nats-{number}")]
