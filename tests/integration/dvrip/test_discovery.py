"""Search and address setting over UDP on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from cambus.dvrip.discovery import AddressChange, DiscoveredDevice, discover, probe, set_address
from cambus.dvrip.errors import AuthError, Refused
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.wire import HEADER_SIZE, Header, serialize

ANY = ("127.0.0.1", 0)


def common(mac: str = "00:0b:3f:00:00:01", **changes) -> dict:
    return {
        "HostIP": "0x0100007F",
        "HostName": "gate",
        "MAC": mac,
        "SN": "s1",
        "TCPPort": 34567,
        "ChannelNum": 4,
        "Version": "V4.02",
        "HttpPort": 80,
        "UDPPort": 34568,
        "Strange": 1,
        **changes,
    }


class Network(asyncio.DatagramProtocol):
    """Answers like a network full of devices."""

    def __init__(self) -> None:
        self.devices = [common()]
        self.heard: list[bytes] = []
        self.noise: list[bytes] = []
        self.set_code: int | None = 100
        self.answer_from = 1

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.heard.append(data)
        if len(self.heard) < self.answer_from:
            return
        header = Header.parse(data)
        self.transport.sendto(data, addr)  # an echo of what was asked
        for datagram in self.noise:
            self.transport.sendto(datagram, addr)
        if header.message_id == 1530:
            for device in self.devices:
                body = {"NetWork.NetCommon": device, "Ret": 100, "SessionID": "0x00000000"}
                self.transport.sendto(serialize(1531, encode_body(body), version=1), addr)
        elif self.set_code is not None:
            self.transport.sendto(serialize(1533, encode_body({"Ret": self.set_code}), version=1), addr)

    @property
    def address(self):
        return self.transport.get_extra_info("sockname")


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    loop = asyncio.get_running_loop()
    transport, network = await loop.create_datagram_endpoint(Network, local_addr=ANY)
    yield network
    transport.close()


def test_the_probe_is_a_header_and_nothing_else():
    assert probe().hex(" ") == "ff 00 00 00 00 00 00 00 00 00 00 00 00 00 fa 05 00 00 00 00"


async def test_three_probes_find_each_device_once(network):
    network.devices = [common(), common("00:0b:3f:00:00:02"), common("00:0B:3F:00:00:01", SN="s2")]
    found = await discover([network.address], ANY, listen_s=0.1)
    assert len(network.heard) == 3
    assert [device.mac[-2:] for device in found] == ["01", "02"]  # serial numbers may be the same, or change
    assert (found[0].host, found[0].port, found[0].channels, found[0].name) == ("127.0.0.1", 34567, 4, "gate")
    assert not found[0].is_elsewhere


async def test_noise_and_missing_fields_are_harmless(network, caplog):
    network.noise = [
        b"",
        b"\xff",
        b"garbage" * 10,
        serialize(1531, b"[" * 5000),
        serialize(1531, b"{}"),
        bytes(1400),
    ]
    network.devices = [{"MAC": "00:00:00:00:00:09"}, {"HostIP": "0x0A01A8C0"}]
    found = await discover([network.address], ANY, listen_s=0.1)
    assert [device.identity for device in found] == ["00:00:00:00:00:09", "192.168.1.10:34567"]
    assert found[1].is_elsewhere
    assert caplog.records == []  # where the loop says what a datagram's reader raised


async def test_devices_that_announce_themselves_are_found_too(network):
    """They say so to everybody on the port: nobody asked them, and the search hears it all the same."""
    network.devices = []
    free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    free.bind(ANY)
    here = free.getsockname()
    free.close()
    searching = asyncio.create_task(discover([], here, listen_s=0.5))
    announcement = {"MAC": "00:0b:3f:00:00:07", "HostIP": "0x0100007F"}
    while not searching.done():
        body = encode_body({"NetWork.NetCommon": announcement})
        network.transport.sendto(serialize(1531, body, version=1), here)
        network.transport.sendto(serialize(1530, b""), here)  # and others search meanwhile
        await asyncio.wait([searching], timeout=0.02)
    found = await searching
    assert [device.mac for device in found] == ["00:0b:3f:00:00:07"]
    assert (found[0].host, found[0].port, found[0].channels, found[0].serial) == ("127.0.0.1", 34567, 0, "")
    assert network.heard == []


async def test_a_later_answer_fills_in_what_an_earlier_one_left_out(network):
    network.devices = [
        {"MAC": "00:0b:3f:00:00:01", "SN": ""},
        common(HostName="gate"),
        common(HostName="late"),
    ]
    (device,) = await discover([network.address], ANY, listen_s=0.1)
    assert (device.mac, device.serial, device.channels) == ("00:0b:3f:00:00:01", "s1", 4)
    assert device.name == "gate"


async def test_several_networks_are_searched_at_once(network):
    loop = asyncio.get_running_loop()
    transport, other = await loop.create_datagram_endpoint(Network, local_addr=ANY)
    other.devices = [common("00:0b:3f:00:00:02", SN="s2")]
    try:
        found = await discover([network.address, other.address], ANY, listen_s=0.1)
    finally:
        transport.close()
    assert sorted(device.serial for device in found) == ["s1", "s2"]
    assert (len(network.heard), len(other.heard)) == (3, 3)


def change_of(network: Network) -> AddressChange:
    device = DiscoveredDevice.parse(
        serialize(1531, encode_body({"NetWork.NetCommon": network.devices[0]})), "x"
    )
    assert device is not None
    return AddressChange(device, "192.168.1.20", "255.255.255.0", "192.168.1.1", "admin", "admin")


async def test_setting_an_address_has_the_exact_form_devices_expect(network):
    assert await set_address(change_of(network), network.address, ANY, confirm=True)
    (datagram,) = network.heard
    assert datagram[:4].hex() == "ff00fe00"
    assert Header.parse(datagram).message_id == 1532
    text = datagram[HEADER_SIZE:]
    assert text.endswith(b" }\n\x00")
    assert text.startswith(b'{ "DvrMac" : "00:0b:3f:00:00:01", "EncryptType" : 1, "GateWay" : "0x0101A8C0", ')
    body = decode_body(text)
    assert list(body) == sorted(body)
    assert (body["HostIP"], body["Submask"], body["GateWay"]) == ("0x1401A8C0", "0x00FFFFFF", "0x0101A8C0")
    assert (body["Username"], body["Password"], body["HostName"]) == ("admin", "6QNMIQGe", "gate")
    assert "Strange" not in body


async def test_an_address_is_set_with_these_bytes(network):
    network.devices = [
        common(
            HttpPort=80, MaxBps=0, MonMode="TCP", SSLPort=8443, TCPMaxConn=10, TCPPort=34567,
            TransferPlan="AutoAdapt", UDPPort=34568, UseHSDownLoad=False,
        )
    ]  # fmt: skip
    text = (
        b'{ "DvrMac" : "00:0b:3f:00:00:01", "EncryptType" : 1, "GateWay" : "0x0101A8C0", '
        b'"HostIP" : "0x1401A8C0", "HostName" : "gate", "HttpPort" : 80, "MAC" : "00:0b:3f:00:00:01", '
        b'"MaxBps" : 0, "MonMode" : "TCP", "Password" : "6QNMIQGe", "SSLPort" : 8443, '
        b'"Submask" : "0x00FFFFFF", "TCPMaxConn" : 10, "TCPPort" : 34567, "TransferPlan" : "AutoAdapt", '
        b'"UDPPort" : 34568, "UseHSDownLoad" : false, "Username" : "admin" }\n\x00'
    )
    header = bytes.fromhex("ff00fe00 00000000 00000000 0000fc05") + len(text).to_bytes(4, "little")
    assert await set_address(change_of(network), network.address, ANY, confirm=True)
    assert network.heard == [header + text]


async def test_setting_is_repeated_until_answered_and_silence_is_no_answer(network):
    network.answer_from = 3
    assert await set_address(change_of(network), network.address, ANY, wait_s=0.3, confirm=True)
    assert len(network.heard) == 3
    network.set_code = None
    assert not await set_address(change_of(network), network.address, ANY, wait_s=0.15, confirm=True)
    assert len(network.heard) == 6


async def test_a_wrong_password_is_reported(network):
    network.set_code = 203
    with pytest.raises(AuthError):
        await set_address(change_of(network), network.address, ANY, confirm=True)


async def test_nothing_is_sent_without_a_confirmation(network):
    with pytest.raises(Refused) as caught:
        await set_address(change_of(network), network.address, ANY)
    assert caught.value.reason == "confirm_required"
    assert network.heard == []
    assert "6QNMIQGe" not in repr(change_of(network))
    assert "password" not in repr(change_of(network))


@pytest.mark.parametrize("bad", ["", "1.2.3", "1.2.3.400", "host", "1.2.3.4.5"])
def test_what_is_no_address_is_refused(bad):
    network = Network()
    change = change_of(network)
    with pytest.raises(Refused):
        AddressChange(change.device, bad, "255.255.255.0", "192.168.1.1", "admin", "admin").datagram()
