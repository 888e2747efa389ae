"""Where WebRTC viewers find the relay, which of their addresses it uses, and how one port serves them all."""

import errno
import socket

import aioice
import pytest
from aioice.ice import StunProtocol
from aioice.stun import Class, Message, Method

from cambus.media_relay.rtc_ice import IceServers, RelayIce, candidate_lines, is_reachable
from cambus.media_relay.rtc_offer import Candidate
from cambus.media_relay.rtc_udp import UdpPorts, stun_username


def host(address: str, port: int = 8189) -> aioice.Candidate:
    return aioice.Candidate("f", 1, "udp", 1, address, port, "host")


def remote(address: str, port: int = 50_000, kind: str = "host") -> Candidate:
    return Candidate("f", 1, "udp", 1, address, port, kind)


def test_the_advertised_address_takes_the_place_of_the_machines_own():
    relayed = aioice.Candidate("g", 1, "udp", 1, "203.0.113.9", 3000, "relay")
    lines = candidate_lines([host("10.0.0.5"), host("10.1.0.5"), relayed], ["198.51.100.1"])
    assert [line.split()[4:8:2] for line in lines] == [["198.51.100.1", "typ"], ["203.0.113.9", "typ"]]
    assert [line.split()[7] for line in lines] == ["host", "relay"]
    assert [line.split()[4] for line in candidate_lines([host("10.0.0.5")])] == ["10.0.0.5"]


@pytest.mark.parametrize(
    ("address", "port", "kind", "reachable"),
    [
        ("198.51.100.7", 50_000, "srflx", True),
        ("2001:db8::1", 50_000, "host", True),
        ("5d1c8f5a-1f0e.local", 50_000, "host", False),
        ("cctv.example", 50_000, "host", False),
        ("224.0.0.251", 5353, "host", False),
        ("0.0.0.0", 50_000, "host", False),
        ("198.51.100.7", 53, "host", False),
        ("198.51.100.7", 50_000, "prflx", False),
    ],
)
def test_only_a_single_hosts_literal_address_is_ever_sent_to(address, port, kind, reachable):
    assert is_reachable(remote(address, port, kind)) is reachable


@pytest.fixture
async def ports():
    made = UdpPorts(lambda: ["127.0.0.1"], 0)
    made.start()
    yield made
    made.stop()


async def test_a_viewers_addresses_are_used_only_where_a_server_is_configured(ports):
    direct = RelayIce(ports, IceServers())
    await direct.gather_candidates()
    await direct.offer_candidates([remote("127.0.0.1")])
    assert direct.remote_candidates == []
    helped = RelayIce(ports, IceServers(turn=("127.0.0.1", 9)))
    await helped.offer_candidates([remote("127.0.0.1"), remote("x.local")])
    assert [each.host for each in helped.remote_candidates] == ["127.0.0.1"]
    for each in (direct, helped):
        await each.close()


async def test_a_stun_server_says_how_the_port_looks_from_outside(ports):
    """A second relay's port answers as a STUN server does: with the address it sees."""
    ice = RelayIce(ports, IceServers(stun=("127.0.0.1", 0)))
    server = UdpPorts(lambda: ["127.0.0.1"], 0)
    server.start()
    shared = server.sockets[0]

    def answer(data: bytes, addr: tuple[str, int]) -> None:
        reply = Message(Method.BINDING, Class.RESPONSE, transaction_id=data[8:20])
        reply.attributes["XOR-MAPPED-ADDRESS"] = ("203.0.113.4", 40_000)
        shared.send(bytes(reply), addr)

    shared._sort = answer  # type: ignore[method-assign]
    ice.stun_server = shared.address
    await ice.gather_candidates()
    assert [(each.type, each.host, each.port) for each in ice.local_candidates] == [
        ("host", *ports.sockets[0].address),
        ("srflx", "203.0.113.4", 40_000),
    ]
    await ice.close()
    server.stop()


async def test_sessions_on_one_port_get_what_is_theirs(ports):
    sessions = [RelayIce(ports, IceServers()) for _ in range(3)]
    for each in sessions:
        await each.gather_candidates()
    assert len({each.local_username for each in sessions}) == 3
    shared = ports.sockets[0]
    got: list[str] = []
    for each in sessions:
        each.request_received = (  # type: ignore[method-assign]
            lambda message, addr, protocol, name=each.local_username: got.append(name)
        )
    for each in reversed(sessions):
        request = Message(Method.BINDING, Class.REQUEST)
        request.attributes["USERNAME"] = f"{each.local_username}:them"
        shared._sort(bytes(request), ("127.0.0.1", 9))
    assert got == [each.local_username for each in reversed(sessions)]
    for each in sessions:
        await each.close()
    shared._sort(bytes(request), ("127.0.0.1", 9))
    assert len(got) == 3


async def test_media_comes_from_addresses_that_showed_the_password(ports):
    ice = RelayIce(ports, IceServers())
    await ice.gather_candidates()
    shared = ports.sockets[0]
    protocol = ice._protocols[0]
    got: list[bytes] = []
    ice.data_received = lambda data, component: got.append(data)  # type: ignore[method-assign]
    shared._sort(b"\x16dtls", ("127.0.0.1", 9))
    assert got == []
    refusal = Message(Method.BINDING, Class.ERROR)
    protocol.send_stun(refusal, ("127.0.0.1", 9))
    shared._sort(b"\x16dtls", ("127.0.0.1", 9))
    assert got == []
    protocol.send_stun(Message(Method.BINDING, Class.RESPONSE), ("127.0.0.1", 9))
    shared._sort(b"\x16dtls", ("127.0.0.1", 9))
    assert got == [b"\x16dtls"]
    await ice.close()


@pytest.mark.parametrize("refused", [None, errno.EINVAL])
async def test_a_run_arrives_as_its_datagrams_whether_the_kernel_cuts_it_or_not(ports, refused):
    run = [bytes((number,)) * 1200 for number in range(9)] + [b"last"]
    sender = ports.sockets[0]
    if refused is not None:
        sender._socket = Refusing(sender._socket, refused)  # type: ignore[assignment]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as player:
        player.bind(("127.0.0.1", 0))
        player.settimeout(20)
        for _ in range(2):
            sender.send_run(run, player.getsockname())
            assert [player.recv(2048) for _ in run] == run
    if refused is not None:
        assert sender._socket.asked == 1  # and not again


class Refusing:
    """A socket on a route that does not know segmentation."""

    def __init__(self, real: socket.socket, error: int) -> None:
        self._real = real
        self._error = error
        self.asked = 0

    def sendmsg(self, *arguments: object) -> int:
        self.asked += 1
        raise OSError(self._error, "no segmentation here")

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


async def test_hostile_datagrams_are_ignored(ports):
    ice = RelayIce(ports, IceServers())
    await ice.gather_candidates()
    shared = ports.sockets[0]
    head = bytes.fromhex("0001000c2112a442") + bytes(12)
    name = ice.local_username.encode()
    for data in (
        head,
        head + b"\x00\x06\xff\xff",
        head + b"\x00\x06" + len(name).to_bytes(2) + name,
        bytes.fromhex("010100002112a442") + bytes(12),
        b"\x00",
        b"\x80" * 2000,
    ):
        shared._sort(data, ("127.0.0.1", 9))
    assert isinstance(ice._protocols[0], StunProtocol)
    await ice.close()


def test_the_user_name_of_a_message_that_has_none_is_empty():
    assert stun_username(bytes(20)) == ""
    assert stun_username(bytes.fromhex("000100ff2112a442") + bytes(12) + b"\x00\x08\x00\x03abc\x00") == ""


async def test_a_port_that_is_taken_is_an_error(ports):
    taken = UdpPorts(lambda: ["127.0.0.1"], ports.sockets[0].address[1])
    with pytest.raises(OSError, match="in use"):
        taken.start()
    with pytest.raises(OSError, match="no address"):
        UdpPorts(list, 0).start()
