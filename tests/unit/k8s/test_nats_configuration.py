"""nats-server takes the configuration of the component with the files users make, and refuses what is not in it."""

import os
import subprocess
from pathlib import Path

import pytest
from k8s_validate import K8S

from cambus.bus.testing import find_nats_server
from cambus.bus.users import USERS
from cambus.cli.nats_users import UserFolder

COMPONENTS = K8S / "components"
ROUTES = """\
authorization { user: route, password: "0123456789abcdef" }
routes: [ "nats://route:0123456789abcdef@nats-0.nats-cluster:6222" ]
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    folder = UserFolder(tmp_path)
    folder.ensure(USERS)
    folder.write_configuration(USERS)
    (tmp_path / "routes.conf").write_text(ROUTES)
    for file in (COMPONENTS / "nats").glob("*.conf"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def fault_of(folder: Path) -> str:
    """What nats-server says is wrong; empty if nothing is."""
    command = [str(find_nats_server()), "-t", "-c", str(folder / "nats.conf")]
    environment = {**os.environ, "POD_NAME": "nats-0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def test_the_configuration_of_three_servers_is_valid(configuration: Path) -> None:
    assert fault_of(configuration) == ""


def test_the_configuration_of_one_server_is_valid(configuration: Path) -> None:
    single = COMPONENTS / "nats-single" / "cluster.conf"
    (configuration / "cluster.conf").write_bytes(single.read_bytes())
    assert fault_of(configuration) == ""


@pytest.mark.parametrize("name", ["users.conf", "routes.conf"])
def test_a_server_without_its_secrets_does_not_start(configuration: Path, name: str) -> None:
    (configuration / name).unlink()
    assert name in fault_of(configuration)


def test_what_is_acknowledged_is_on_the_disk(configuration: Path) -> None:
    assert "sync_interval: always" in (configuration / "nats.conf").read_text()
    file = configuration / "nats.conf"
    file.write_text(file.read_text().replace("sync_interval", "sync_intervals"))
    assert "sync_intervals" in fault_of(configuration)
