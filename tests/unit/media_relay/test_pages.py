"""Deliveries by pages: every socket gets each byte, whatever comes after it, and who can not have pages gets copies."""

import errno
import os
import socket
from contextlib import ExitStack

import pytest

from cambus.media_relay import audience as audiences
from cambus.media_relay.audience import Audience
from cambus.media_relay.pages import LEAST_BYTES, Pages
from cambus.media_relay.viewer import Closed, Viewer, ViewerLimits

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no files in memory")
SIZE = 3 * LEAST_BYTES + 77


class Pair:
    """A wire over a connection of TCP, and its other end."""

    def __init__(self, stack):
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.peer = stack.enter_context(socket.create_connection(listener.getsockname()))
        self.peer.settimeout(60)
        self.ours = stack.enter_context(listener.accept()[0])
        self.ours.setblocking(False)
        self.descriptor = self.ours.fileno()
        self.send = self.ours.send

    def read(self, size):
        data = bytearray()
        while len(data) < size:
            data += self.peer.recv(size - len(data))
        return bytes(data)

    def unacknowledged(self):
        return 0

    def watch(self, writable):
        """Nobody makes room here."""

    def unwatch(self):
        """Nothing to undo."""

    def close(self):
        self.ours.close()


class SpoiltPages(Pages):
    """Pages of a system that can not, counted."""

    def __init__(self, error):
        super().__init__()
        self.error = error
        self.asked = 0

    def send(self, data, descriptors):
        self.asked += 1
        raise self.error


@pytest.fixture
def pairs():
    with ExitStack() as stack:
        yield lambda count: [Pair(stack) for _ in range(count)]


@pytest.fixture
def crowd(monkeypatch, make_viewer):
    """An audience that sends by pages from three sockets on."""
    monkeypatch.setattr(audiences, "LEAST_SOCKETS", 3)

    def make(wires, pages=None):
        audience = Audience(pages)
        viewers = []
        for wire in wires:
            viewer = Viewer(wire, ViewerLimits(), make_viewer.reasons.__setitem__, clock=make_viewer.clock)
            viewer.begin(b"", [b"k"])
            audience.add(viewer)
            viewers.append(viewer)
        return audience, viewers

    return make


def delivery(number):
    return bytes((number,)) * SIZE


def test_a_delivery_that_waits_to_be_read_is_not_touched_by_those_behind_it(pairs):
    pages, connections = Pages(), pairs(3)
    for number in range(8):
        assert not pages.send(delivery(number), [each.descriptor for each in connections])
    for connection in connections:
        assert connection.read(8 * SIZE) == b"".join(map(delivery, range(8)))


def test_a_socket_that_is_full_says_how_much_it_took(pairs):
    pages, (connection,) = Pages(), pairs(1)
    taken = bytearray()
    for number in range(10_000):
        short = pages.send(delivery(number % 256), [connection.descriptor])
        if short:
            break
        taken += delivery(number % 256)
    ((descriptor, outcome),) = short
    assert descriptor == connection.descriptor
    took = 0 if isinstance(outcome, BlockingIOError) else outcome
    taken += delivery(number % 256)[:took]
    assert connection.read(len(taken)) == taken


def test_a_crowd_is_sent_the_same_by_pages_and_by_calls(pairs, wire, crowd):
    connections, scripted = pairs(3), wire()
    audience, viewers = crowd([*connections, scripted])
    audience.deliver(delivery(1), keyframe=False)
    audience.deliver(b"sound", keyframe=False)
    sent = b"k" + delivery(1) + b"sound"
    assert [each.read(len(sent)) for each in connections] == [sent] * 3
    assert bytes(scripted.taken) == sent
    assert {each.sent_bytes for each in viewers} == {len(sent)}


def test_large_deliveries_are_not_copied_for_each_socket(pairs, crowd, monkeypatch):
    connections = pairs(3)
    copies = []
    for each in connections:
        each.send = lambda data, send=each.ours.send: copies.append(len(data)) or send(data)
    audience, _ = crowd(connections)
    copies.clear()
    audience.deliver(delivery(1), keyframe=False)
    assert not copies
    audience.deliver(b"sound", keyframe=False)
    assert copies == [5, 5, 5]


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENOSPC, errno.ENOSYS])
def test_without_room_for_pages_all_is_copied(error, pairs, crowd):
    connections, pages = pairs(3), SpoiltPages(OSError(error, "no pages"))
    audience, _ = crowd(connections, pages)
    audience.deliver(delivery(1), keyframe=False)
    assert pages.asked == 1
    assert [each.read(1 + SIZE) for each in connections] == [b"k" + delivery(1)] * 3


def test_sockets_that_take_no_pages_are_sent_copies_from_then_on(pairs, crowd, monkeypatch, caplog):
    connections, pages = pairs(3), Pages()
    audience, viewers = crowd(connections, pages)
    asked = []

    def sendfile(*arguments):
        asked.append(arguments)
        raise OSError(errno.EINVAL, "no such thing")

    monkeypatch.setattr(os, "sendfile", sendfile)
    with caplog.at_level("INFO"):
        for number in range(2):
            audience.deliver(delivery(number), keyframe=False)
    assert len(asked) == 3
    assert not pages.usable
    assert len(caplog.records) == 1
    sent = b"k" + delivery(0) + delivery(1)
    assert [each.read(len(sent)) for each in connections] == [sent] * 3
    assert {each.sent_bytes for each in viewers} == {len(sent)}


def test_who_falls_behind_has_the_rest_queued_and_the_others_nothing(pairs, crowd):
    connections = pairs(3)
    audience, viewers = crowd(connections)
    connections[1].ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    count = 0
    while not viewers[1].queued_bytes:
        audience.deliver(delivery(count % 256), keyframe=False)
        count += 1
        for each in (connections[0], connections[2]):
            each.read(SIZE + (count == 1))
    assert viewers[0].flowing
    assert not viewers[1].flowing
    assert viewers[1].sent_bytes + viewers[1].queued_bytes == 1 + count * SIZE
    assert viewers[0].sent_bytes == 1 + count * SIZE


def test_a_viewer_whose_peer_has_gone_is_closed(pairs, crowd, make_viewer):
    connections = pairs(4)
    audience, viewers = crowd(connections)
    connections[0].ours.shutdown(socket.SHUT_WR)  # what is sent from now on is refused
    audience.deliver(delivery(1), keyframe=False)
    assert make_viewer.reasons == {viewers[0]: Closed.LEFT}
    audience.deliver(delivery(2), keyframe=False)
    assert connections[1].read(1 + 2 * SIZE) == b"k" + delivery(1) + delivery(2)


def test_the_number_of_a_closed_socket_is_sent_nothing_more(pairs, crowd):
    connections = pairs(4)
    audience, viewers = crowd(connections)
    audience.deliver(delivery(1), keyframe=False)
    number = connections[0].descriptor
    viewers[0].close(Closed.LEFT)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        taken = ours.fileno() == number or os.dup2(ours.fileno(), number)
        audience.deliver(delivery(2), keyframe=False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
        if taken is not True:
            os.close(number)
