"""Devices that were found, written into a devices.yaml that somebody keeps by hand."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cambus.cli.devices_file import load_devices
from cambus.cli.failures import UsageError
from cambus.cli.found_devices import device_id, extend_file, merged
from cambus.schemas.commands.discovery import DiscoveryRunReply, FoundDevice

GATE = FoundDevice(
    protocol="dvrip",
    address="10.0.0.9:34567",
    mac="00:0B:3F:00:00:01",
    serial="3344230000",
    name="Gate: north",
    version="V4.02",
    channels=4,
)
YARD = FoundDevice(protocol="dvrip", address="10.0.0.10:34568", serial="SN/7", name="Yard")


def test_a_new_file_is_one_that_can_be_applied(tmp_path):
    path = tmp_path / "devices.yaml"
    extended = extend_file(path, [GATE, YARD])
    assert (extended.added, extended.kept) == (["dvrip-000b3f000001", "dvrip-sn-7"], [])
    first, second = load_devices(path)
    assert (first.id, first.protocol, first.address) == ("dvrip-000b3f000001", "dvrip", "10.0.0.9:34567")
    assert (first.name, first.credentials, second.name) == ("Gate: north", None, "Yard")
    text = path.read_text()
    assert "password_file: dvrip-000b3f000001.password" in text
    assert "serial 3344230000" in text
    given_ = text.replace("  # credentials", "  credentials").replace("  #   ", "    ")
    path.write_text(given_)  # with the comments taken away it says how to log in
    (tmp_path / "dvrip-000b3f000001.password").write_text("pw")
    (tmp_path / "dvrip-sn-7.password").write_text("pw")
    assert load_devices(path)[0].credentials.username == "admin"


def test_what_stands_in_a_file_stays_to_the_letter(tmp_path):
    path = tmp_path / "devices.yaml"
    before = (
        "# ours\ndevices:\n    - id: gate   # by hand\n      protocol: dvrip\n"
        "      address: 10.0.0.9\n      tags: [a, b]"
    )
    path.write_text(before)
    extended = extend_file(path, [GATE, YARD])
    assert (extended.added, extended.kept) == (["dvrip-sn-7"], ["dvrip-000b3f000001"])
    text = path.read_text()
    assert text.startswith(before + "\n")
    assert [entry.id for entry in load_devices(path)] == ["gate", "dvrip-sn-7"]
    again = extend_file(path, [GATE, YARD])
    assert (again.added, path.read_text()) == ([], text)


def test_a_device_that_moved_is_not_written_twice(tmp_path):
    path = tmp_path / "devices.yaml"
    extend_file(path, [GATE])
    moved = GATE.model_copy(update={"address": "10.0.0.99:34567"})
    assert extend_file(path, [moved]).kept == ["dvrip-000b3f000001"]
    assert load_devices(path)[0].address == "10.0.0.9:34567"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "devices: []\n",
        "devices: []  # none\n",
        "devices:\n",
        "devices:",
        "{devices: []}",
    ],
)
def test_an_empty_file_is_filled(tmp_path, text):
    path = tmp_path / "devices.yaml"
    path.write_text(text)
    if text.startswith("{"):
        with pytest.raises(UsageError):
            extend_file(path, [GATE])
        assert path.read_text() == text
        return
    extend_file(path, [GATE])
    assert [entry.id for entry in load_devices(path)] == ["dvrip-000b3f000001"]
    for comment in ("# nothing yet", "# none"):
        assert (comment in path.read_text()) == (comment in text)


@pytest.mark.parametrize(
    "text",
    [
        "- id: a\n",
        "devices: {a: b}\n",
        "devices: [{id: a}]\n",
        "cameras: []\n",
        "devices:\n  - id: a\nothers: 1\n",
        "devices:\n  - id: a\n...\n",
        "devices: [\n",
        "\t",
        "devices: text\n",
    ],
)
def test_a_file_that_can_not_be_added_to_is_left_alone(tmp_path, text):
    path = tmp_path / "devices.yaml"
    path.write_text(text)
    with pytest.raises(UsageError):
        extend_file(path, [GATE])
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


@given(
    name=st.text(max_size=40),
    version=st.text(max_size=40),
    address=st.text(min_size=1, max_size=30),
    mac=st.text(max_size=20),
    serial=st.text(max_size=20),
)
def test_nothing_a_device_says_breaks_the_file(tmp_path_factory, name, version, address, mac, serial):
    path = tmp_path_factory.mktemp("found") / "devices.yaml"
    hostile = FoundDevice(
        protocol="dvrip", name=name, version=version, address=address, mac=mac, serial=serial
    )
    extend_file(path, [hostile, GATE])
    document = yaml.safe_load(path.read_text())
    assert set(document) == {"devices"}
    allowed = {"id", "protocol", "address", "name"}
    assert all(set(entry) <= allowed for entry in document["devices"])
    assert document["devices"][0]["id"] == device_id(hostile)


def test_replicas_that_see_the_same_device_give_it_once():
    lower = GATE.model_copy(update={"mac": GATE.mac.lower(), "source": "10.0.0.9"})
    replies = [
        DiscoveryRunReply(replica="a", searched=[], devices=[YARD, GATE]),
        DiscoveryRunReply(replica="b", searched=[], devices=[lower]),
    ]
    assert merged(replies) == [YARD, GATE]


def test_ids_are_lasting_and_tokens():
    assert device_id(GATE) == "dvrip-000b3f000001"
    assert device_id(GATE.model_copy(update={"mac": ""})) == "dvrip-3344230000"
    assert device_id(FoundDevice(protocol="dvrip", address="10.0.0.9:34567")) == "dvrip-10-0-0-9-34567"
    assert device_id(FoundDevice(protocol="dvrip", address="::", mac="::", serial="门")) == "dvrip-unnamed"
    assert len(device_id(GATE.model_copy(update={"mac": "f" * 64}))) == 64
