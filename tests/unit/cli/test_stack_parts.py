"""What a stack is made of, without running one."""

import os
import socket
import sys

import pytest

from cambus.cli.devices_file import load_devices
from cambus.cli.stack.demo import devices_file
from cambus.cli.stack.lock import FolderLock
from cambus.cli.stack.options import (
    CONNECTOR_GRACE_S,
    SERVICE_GRACE_S,
    SERVICES,
    StackFailedError,
    StackOptions,
    budget_of,
    command_of,
    environment_of,
    jetstream_budget_mib,
)
from cambus.cli.stack.ports import free_or_any
from cambus.cli.stack.terminal import command_prefix


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_where_nats_is_and_keeps_to_its_own_folder(service, tmp_path):
    values = environment_of(service, StackOptions(tmp_path), "nats://127.0.0.1:1", "http://127.0.0.1:2")
    assert values["CAMBUS_NATS_URL"] == "nats://127.0.0.1:1"
    assert values["CAMBUS_DATA_DIR"] == str(tmp_path / service)
    assert values["CAMBUS_HTTP_PORT"] == "0"
    opens_secrets = service.startswith("connector-") or service == "alarm-router"
    assert ("CAMBUS_CREDENTIALS_KEY_FILE" in values) is opens_secrets
    assert command_of(service)[0] == sys.executable


def test_what_somebody_asks_for_counts_instead_of_what_is_usual(tmp_path, monkeypatch):
    monkeypatch.setenv("CAMBUS_DISK_RESERVE_MIB", "5")
    monkeypatch.setenv("CAMBUS_LOG_FORMAT", "json")
    monkeypatch.setenv("CAMBUS_INSTANCE", "somewhere-else")
    values = environment_of("recorder", StackOptions(tmp_path), "n", "m")
    assert (values["CAMBUS_DISK_RESERVE_MIB"], values["CAMBUS_LOG_FORMAT"]) == ("5", "json")
    assert values["CAMBUS_INSTANCE"] == "recorder-0"


def test_the_environment_of_the_options_wins(tmp_path):
    options = StackOptions(tmp_path, environment={"CAMBUS_LOG_LEVEL": "debug", "CAMBUS_HTTP_PORT": "7"})
    values = environment_of("recorder", options, "n", "m")
    assert (values["CAMBUS_LOG_LEVEL"], values["CAMBUS_HTTP_PORT"]) == ("debug", "7")


def test_everything_ends_within_half_a_minute():
    nats_s = 10
    assert SERVICE_GRACE_S + CONNECTOR_GRACE_S + nats_s <= 30


def test_a_service_that_is_not_installed_is_said_so():
    with pytest.raises(StackFailedError, match="pip install cambus-connector-none"):
        command_of("connector-none")


TRIES = 8
"""Somebody else may take a port that was let go; not each time."""


@pytest.mark.parametrize("asked", ["1", "plenty", "-300"])
def test_a_budget_that_is_none_is_refused_by_its_name(asked, tmp_path):
    options = StackOptions(tmp_path, environment={"CAMBUS_JETSTREAM_BUDGET_MIB": asked})
    with pytest.raises(StackFailedError, match="CAMBUS_JETSTREAM_BUDGET_MIB: want 256 or more"):
        budget_of(options)


@pytest.mark.parametrize(("free_gib", "budget_mib"), [(1000, None), (4, 2048), (0.1, 256)])
def test_jetstream_takes_no_more_than_half_of_a_small_disk(free_gib, budget_mib):
    assert jetstream_budget_mib(int(free_gib * 2**30)) == budget_mib


def test_a_port_that_is_taken_is_replaced_by_any():
    freed = []
    for _ in range(TRIES):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            assert free_or_any(port) == 0
        freed.append(free_or_any(port) == port)
    assert any(freed)
    assert free_or_any(0) == 0


def test_a_port_may_be_taken_for_datagrams_alone():
    freed = []
    for _ in range(TRIES):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            for_streams = free_or_any(port) == port
            assert free_or_any(port, datagrams=True) == 0
        freed.append(for_streams and free_or_any(port, datagrams=True) == port)
    assert any(freed)


def test_a_folder_is_for_one_stack(tmp_path):
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.acquire()
    with pytest.raises(StackFailedError, match=f"process {os.getpid()}"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_the_devices_file_of_the_demonstration_is_one(tmp_path):
    path = tmp_path / "devices.yaml"
    path.write_text(devices_file(["127.0.0.1:1000", "127.0.0.1:1001", None, None, "127.0.0.1:1002", None]))
    (tmp_path / "password").write_text("x" * 24)
    found = load_devices(path)
    assert [(each.id, each.address) for each in found] == [
        ("gate", "127.0.0.1:1000"),
        ("yard", "127.0.0.1:1001"),
        ("van", None),
        ("square", None),
        ("hall", "127.0.0.1:1002"),
        ("stage", None),
    ]


def test_commands_to_paste_name_nats_only_where_it_is_not_the_usual_one(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["cambusctl-not"])
    assert command_prefix("nats://127.0.0.1:4222") == "cambusctl"
    assert command_prefix("nats://127.0.0.1:5") == "cambusctl --nats nats://127.0.0.1:5"
    script = tmp_path / "bin" / "cambusctl"
    script.parent.mkdir()
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    assert command_prefix("nats://127.0.0.1:4222") == "bin/cambusctl"
    monkeypatch.delenv("MAKELEVEL", raising=False)
    monkeypatch.setenv("PATH", str(script.parent))
    assert command_prefix("nats://127.0.0.1:4222") == "cambusctl"
    monkeypatch.setenv("MAKELEVEL", "1")  # make has a PATH of its own
    assert command_prefix("nats://127.0.0.1:4222") == "bin/cambusctl"
