"""Whether the doctor sees that devices are told to go where they cannot."""

from datetime import UTC, datetime

import pytest

from cambus.cli.device_status import DeviceStatus
from cambus.cli.doctor.addresses import check_advertised, host_of
from cambus.cli.doctor.finding import Level
from cambus.client.discovery import Instance
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import DeviceState, Presence

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


def device(name, address):
    presence = Presence(
        device=name,
        protocol="gb28181",
        online=True,
        state=DeviceState.ONLINE,
        since=NOW,
        connection="registered",
        address=address,
    )
    return DeviceStatus(name, DeviceRecord(id=name, protocol="gb28181"), presence)


def connector(**metadata):
    return Instance(name="connector-gb28181", id="connector-gb28181-0", version="0.1.0", metadata=metadata)


def nowhere(host):
    if not host[0].isdigit() and ":" not in host:
        raise OSError("no such name")
    return [host]


@pytest.mark.parametrize(
    ("media", "source"),
    [
        ("127.0.0.1", "udp:192.168.1.20:5060"),
        ("10.0.0.5:30000", "udp:8.8.4.4:5060"),
        ("no-such-name.invalid", "udp:192.168.1.20:5060"),
        ("0.0.0.0", "udp:192.168.1.20:5060"),
        ("[::1]", "tcp:[2001:db8::7]:5060"),
    ],
)
def test_media_sent_where_the_device_can_not_reach_is_a_problem(media, source):
    (finding,) = check_advertised([connector(media=media)], [device("gate", source)], nowhere)
    assert finding.level is Level.PROBLEM
    assert "CAMBUS_GB28181_MEDIA_ADVERTISED" in finding.todo


@pytest.mark.parametrize(
    ("media", "source"),
    [
        ("192.168.1.2", "udp:192.168.1.20:5060"),
        ("8.8.8.8", "udp:192.168.1.20:5060"),
        ("127.0.0.1", "udp:127.0.0.1:5062"),
        ("192.168.1.2", "udp:127.0.0.1:5062"),
    ],
)
def test_what_can_be_reached_is_well(media, source):
    (finding,) = check_advertised([connector(media=media)], [device("gate", source)], nowhere)
    assert finding.level is Level.OK


def test_signalling_is_looked_at_as_well_and_names_its_own_variable():
    where = "sip:34020000002000000001@127.0.0.1:5060"
    (finding,) = check_advertised(
        [connector(advertised=where)], [device("gate", "udp:192.168.1.20:5060")], nowhere
    )
    assert finding.todo.startswith("set CAMBUS_GB28181_ADVERTISED ")


def test_where_devices_upload_and_fetch_is_looked_at_as_well_and_names_its_own_variable():
    devices = [device("gate", "udp:192.168.1.20:5060")]
    (finding,) = check_advertised([connector(web="http://127.0.0.1:8080")], devices, nowhere)
    assert finding.todo.startswith("set CAMBUS_GB28181_WEB_ADVERTISED ")
    assert "HTTP requests to 127.0.0.1" in finding.text
    (finding,) = check_advertised([connector(web="http://192.168.1.2:8080")], devices, nowhere)
    assert finding.level is Level.OK


def test_without_connectors_that_give_addresses_there_is_nothing_to_say():
    assert check_advertised([connector()], [device("gate", "udp:192.168.1.20:5060")], nowhere) == []


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:5060", "192.0.2.1"),
        ("gateway:30000", "gateway"),
        ("http://gateway:8080", "gateway"),
        ("[2001:db8::7]:5060", "2001:db8::7"),
        ("tcp://example.org:9400", "example.org"),
        ("sip:34020000002000000001@192.0.2.1:5060", "192.0.2.1"),
        ("0.0.0.0:5060", None),
        ("", None),
    ],
)
def test_the_host_of_whatever_stands_there(text, host):
    assert host_of(text) == host
