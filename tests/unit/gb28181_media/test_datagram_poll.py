"""Sockets read together."""

import asyncio
import selectors
import socket

import pytest

from cambus.gb28181 import datagram_poll
from cambus.gb28181.datagram_poll import DatagramPoll


class WithoutHandle(selectors.SelectSelector):
    """A selector nobody can wait for from outside, as on some platforms."""


@pytest.fixture(params=["handle", "none"])
def poll(request, monkeypatch):
    if request.param == "none":
        monkeypatch.setattr(datagram_poll.selectors, "DefaultSelector", WithoutHandle)
    return DatagramPoll


@pytest.fixture
def receivers():
    made = []
    for _ in range(3):
        each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        each.bind(("127.0.0.1", 0))
        each.setblocking(False)
        made.append(each)
    yield made
    for each in made:
        each.close()


async def test_every_socket_gets_what_came_to_it_in_order(poll, receivers, eventually):
    reader, got = poll.of(asyncio.get_running_loop()), [[] for _ in receivers]
    for receiver, found in zip(receivers, got, strict=True):
        reader.add(receiver, found.extend)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        for number in range(300):
            sender.sendto(bytes((number % 256,)), receivers[number % 3].getsockname())
        await eventually(lambda: sum(map(len, got)) == 300)
        assert [data[0] for data, _ in got[0]] == [number % 256 for number in range(0, 300, 3)]
        assert {address for found in got for _, address in found} == {sender.getsockname()}
    for receiver in receivers:
        reader.remove(receiver)
    assert reader._selector is None
    assert reader._timer is None


async def test_a_socket_may_go_while_it_is_read(poll, receivers, eventually):
    reader, got = poll.of(asyncio.get_running_loop()), []

    def take(batch):
        got.extend(batch)
        for receiver in receivers:
            reader.remove(receiver)

    for receiver in receivers:
        reader.add(receiver, take)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", receivers[0].getsockname())
        await eventually(lambda: got)
    assert reader._selector is None
    reader.add(receivers[1], got.extend)  # and one may come again
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"y", receivers[1].getsockname())
        await eventually(lambda: len(got) == 2)
    reader.remove(receivers[1])
    reader.remove(receivers[1])
    assert reader._selector is None


async def test_one_loop_has_one(poll):
    loop = asyncio.get_running_loop()
    assert poll.of(loop) is poll.of(loop)
