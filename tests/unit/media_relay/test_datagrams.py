import errno
import socket
import struct
import sys

import pytest

from cambus.media_relay.datagrams import MAX_RUN_BYTES, Cutter, DatagramWire, bundle
from cambus.media_relay.pacer import Pacing

VIEWER = {0: ("192.0.2.1", 5000), 1: ("192.0.2.1", 5001)}
RATE = 100_000


class Network:
    """Two sockets that note what they are given, cut as Linux would cut it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, object]] = []
        self.calls = 0
        self.trouble: list[OSError | None] = []
        self.sockets = self._Socket(self, "rtp"), self._Socket(self, "rtcp")

    class _Socket:
        def __init__(self, network, name):
            self.network, self.name = network, name

        def sendmsg(self, buffers, ancillary, flags, address):
            network = self.network
            network.calls += 1
            trouble = network.trouble.pop(0) if network.trouble else None
            if trouble is not None:
                raise trouble
            data = b"".join(buffers)
            cut = [
                struct.unpack("=H", value)[0]
                for level, kind, value in ancillary
                if (level, kind) == (17, 103)
            ]
            for at in range(0, len(data), *cut or [len(data)]):
                piece = data[at : at + cut[0]] if cut else data
                network.sent.append((self.name, piece, address))
            return len(data)


class Waiting:
    """A pacer the test plays."""

    def __init__(self) -> None:
        self.callbacks: dict[object, object] = {}

    def add(self, who, callback) -> None:
        self.callbacks[who] = callback

    def discard(self, who) -> None:
        self.callbacks.pop(who, None)


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def pacer():
    return Waiting()


@pytest.fixture
def make_wire(network, pacer, clock):
    def make(*, burst_bytes=1 << 30, **how) -> DatagramWire:
        pacing = Pacing(RATE, burst_bytes, clock)
        return DatagramWire(
            network.sockets, VIEWER, pacer, pacing, cutter=Cutter(sys.platform == "linux"), **how
        )

    return make


def packets(*sizes: int) -> list[bytes]:
    return [bytes([65 + index % 26]) * size for index, size in enumerate(sizes)]


def test_each_packet_is_one_datagram_and_a_run_is_one_call(network, make_wire):
    picture = packets(1400, 1400, 1400, 200)
    data = bundle(picture, 0)
    assert make_wire().send(data) == len(data)
    assert network.sent == [("rtp", each, VIEWER[0]) for each in picture]
    assert network.calls == (1 if sys.platform == "linux" else 4)


def test_packets_of_growing_size_begin_new_runs(network, make_wire):
    units = packets(20, 8, 900, 1400, 1400, 1400, 3, 3)
    make_wire().send(bundle(units, 0))
    assert [piece for _, piece, _ in network.sent] == units


def test_reports_leave_by_their_own_port_before_the_media(network, make_wire):
    make_wire().send(bundle([b"report"], 1) + bundle([b"media"], 0))
    assert network.sent == [("rtcp", b"report", VIEWER[1]), ("rtp", b"media", VIEWER[0])]


def test_a_track_the_client_did_not_set_up_goes_nowhere(network, make_wire):
    data = bundle([b"sound"], 2)
    assert make_wire().send(data) == len(data)
    assert network.sent == []


def test_a_large_picture_is_sent_in_runs_a_players_socket_can_hold(network, make_wire, monkeypatch):
    picture = packets(*[1400] * 100)
    sizes = []
    real = Network._Socket.sendmsg
    monkeypatch.setattr(
        Network._Socket, "sendmsg", lambda self, *args: sizes.append(real(self, *args)) or sizes[-1]
    )
    make_wire().send(bundle(picture, 0))
    assert [piece for _, piece, _ in network.sent] == picture
    assert max(sizes) <= MAX_RUN_BYTES


def test_nothing_is_bundled_of_no_packets():
    assert bundle([], 0) == b""


def test_what_exceeds_the_budget_waits_until_time_has_passed(network, make_wire, clock):
    wire = make_wire(burst_bytes=1000)
    runs = [bundle([bytes([each]) * 800], 0) for each in range(4)]
    data = b"".join(runs)
    taken = wire.send(data)
    assert taken == len(runs[0]) + len(runs[1])  # the second overdraws it
    with pytest.raises(BlockingIOError):
        wire.send(data[taken:])
    clock.advance(700 / RATE)
    taken += wire.send(memoryview(data)[taken:])
    assert taken == sum(map(len, runs[:3]))
    assert [piece[0] for _, piece, _ in network.sent] == [0, 1, 2]


def test_a_pause_saves_up_one_burst_and_no_more(make_wire, clock, network):
    wire = make_wire(burst_bytes=1000)
    clock.advance(3600)
    wire.send(b"".join(bundle([b"x" * 400], 0) for _ in range(10)))
    assert len(network.sent) == 3


def test_a_full_kernel_is_asked_again_later(network, make_wire):
    wire = make_wire()
    data = bundle([b"one"], 0) + bundle([b"two"], 1)
    network.trouble = [None, BlockingIOError(errno.EAGAIN, "full")]
    taken = wire.send(data)
    assert taken == len(bundle([b"one"], 0))
    network.trouble = [OSError(errno.ENOBUFS, "full")]
    with pytest.raises(BlockingIOError):
        wire.send(data[taken:])
    wire.send(data[taken:])
    assert [piece for _, piece, _ in network.sent] == [b"one", b"two"]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel cuts on Linux only")
@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.EIO, errno.EMSGSIZE])
def test_where_the_route_cannot_cut_the_datagrams_are_cut_here(refusal, network, make_wire):
    wire = make_wire()
    picture = packets(1400, 1400, 7)
    network.trouble = [OSError(refusal, "no")]
    wire.send(bundle(picture, 0))
    wire.send(bundle(picture, 0))  # and is not asked to any more
    assert [piece for _, piece, _ in network.sent] == picture * 2
    assert network.calls == 1 + 3 + 3


def test_what_cannot_be_delivered_is_lost_and_the_rest_goes_on(network, make_wire):
    wire = make_wire()
    network.trouble = [OSError(errno.EHOSTUNREACH, "no route")]
    data = bundle([b"one"], 0) + bundle([b"two"], 0)
    assert wire.send(data) == len(data)
    assert [piece for _, piece, _ in network.sent] == [b"two"]
    assert wire.lost == 1


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's way to choose it")
def test_the_source_address_is_the_one_the_client_came_to(make_wire, network, monkeypatch):
    seen = []
    monkeypatch.setattr(
        Network._Socket, "sendmsg", lambda self, buffers, ancillary, *rest: seen.append(ancillary)
    )
    make_wire(source="192.0.2.9").send(bundle([b"x"], 0))
    make_wire(source="2001:db8::9").send(bundle([b"x"], 0))
    (level, kind, value), (level6, kind6, value6) = seen[0][0], seen[1][0]
    assert (level, kind, value) == (socket.IPPROTO_IP, 8, bytes(4) + bytes([192, 0, 2, 9]) + bytes(4))
    assert (level6, kind6) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
    assert value6.startswith(socket.inet_pton(socket.AF_INET6, "2001:db8::9"))


def test_a_closed_wire_is_called_back_no_more(make_wire, pacer):
    closed = []
    wire = make_wire(on_close=lambda: closed.append(True))
    wire.watch(lambda: None)
    assert list(pacer.callbacks) == [wire]
    wire.close()
    wire.close()
    assert not pacer.callbacks
    assert closed == [True]
