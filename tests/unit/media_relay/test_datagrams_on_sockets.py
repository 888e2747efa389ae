"""The very datagrams that come out of a real socket, whether the kernel cuts the runs or the relay does."""

import itertools
import logging
import socket
from contextlib import ExitStack
from random import Random

import pytest

from cambus.media_relay.datagrams import MAX_SEGMENTS, Cutter, DatagramWire, bundle, kernel_cuts
from cambus.media_relay.pacer import Pacing

WITHOUT_END_S = 30.0
UNHURRIED = Pacing(1e12, 1 << 40)
SIZES = {
    "a picture": (1400,) * 13 + (388,),
    "units of all sizes": (20, 8, 900, 1400, 1400, 1400, 3, 3, 1399, 1400, 1),
    "one packet": (172,),
    "as many as one call takes, and one": (100,) * (MAX_SEGMENTS + 1),
    "a run without a shorter end": (1200,) * 20,
}


class Nobody:
    """A pacer that is not needed."""

    def add(self, who, callback):
        raise AssertionError

    def discard(self, who):
        pass


@pytest.fixture(params=["127.0.0.1", "::1"])
def path(request):
    """Both sockets of a server, and the two of a player, with their addresses."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with ExitStack() as opened:
        sockets = []
        for _ in range(4):
            sock = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            try:
                sock.bind((request.param, 0))
            except OSError:
                pytest.skip(f"this machine has no {request.param}")
            sock.settimeout(WITHOUT_END_S)
            sockets.append(sock)
        yield (sockets[0], sockets[1]), (sockets[2], sockets[3])


@pytest.fixture(params=[True, False], ids=["cut by the kernel", "cut here"])
def cutter(request):
    if request.param and not kernel_cuts():
        pytest.skip("the kernel does not cut datagrams")
    return Cutter(request.param)


def to(players, ours, cutter):
    places = {channel: players[channel].getsockname() for channel in (0, 1)}
    return DatagramWire(ours, places, Nobody(), UNHURRIED, cutter=cutter)


def packets(sizes, seed=1):
    chance = Random(seed)
    return [chance.randbytes(size) for size in sizes]


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
def test_each_packet_arrives_as_it_was_made(sizes, path, cutter):
    ours, players = path
    media, report = packets(sizes), packets((60,), seed=2)
    data = bundle(report, 1) + bundle(media, 0)
    wire = to(players, ours, cutter)
    for _ in range(2):  # the second time the runs are known
        assert wire.send(data) == len(data)
        assert players[1].recv(65536) == report[0]
        assert [players[0].recv(65536) for _ in media] == media
    assert wire.lost == 0


def test_a_datagram_no_path_can_take_is_lost_and_the_others_arrive(path, cutter):
    ours, players = path
    small = packets((700, 700))
    wire = to(players, ours, cutter)
    data = bundle([bytes(65_530)], 0) + bundle(small, 0)
    assert wire.send(data) == len(data)
    assert [players[0].recv(65536) for _ in small] == small
    assert wire.lost == 1


def test_a_player_who_has_gone_does_not_keep_the_others_from_theirs(path, cutter):
    ours, players = path
    media = packets((1400, 1400, 30))
    data = bundle(media, 0)
    gone = to((players[1], players[1]), ours, cutter)
    here = to((players[0], players[0]), ours, cutter)
    players[1].close()
    for _ in range(3):
        for wire in (gone, here):
            assert wire.send(data) == len(data)
    assert [players[0].recv(65536) for _ in range(9)] == media * 3


def test_a_route_that_takes_no_runs_is_sent_single_datagrams_and_that_is_told_once(path, caplog):
    if not kernel_cuts():
        pytest.skip("the kernel does not cut datagrams")
    ours, players = path
    caplog.set_level(logging.INFO, "cambus.media_relay.datagrams")
    cutter, media = Cutter(True), packets((900, 900, 10))
    refused = itertools.count()

    class Tunnel:
        """A route that knows nothing of runs."""

        def sendmsg(self, buffers, ancillary, flags, place):
            if ancillary:
                next(refused)
                raise OSError(5, "Input/output error")
            return ours[0].sendmsg(buffers, ancillary, flags, place)

    for _ in range(2):
        wire = to(players, (Tunnel(), ours[1]), cutter)
        for _ in range(2):
            wire.send(bundle(media, 0))
            assert [players[0].recv(65536) for _ in media] == media
    assert next(refused) == 2  # once for each viewer: routes differ
    assert len(caplog.records) == 1
