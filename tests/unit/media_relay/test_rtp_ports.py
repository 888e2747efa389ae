import asyncio
import socket

import pytest

from cambus.media.rtcp import bye
from cambus.media_relay.pacer import Pacer
from cambus.media_relay.rtp_ports import RtpPorts

HERE = socket.AF_INET, "127.0.0.1"
REPORT = bye(7)


@pytest.fixture
async def ports():
    ports = RtpPorts.open([HERE], 0)
    yield ports
    ports.close()


@pytest.fixture
def client():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        yield client


async def test_a_free_pair_is_even_and_the_next(ports):
    rtp, rtcp = ports.numbers
    assert rtp % 2 == 0
    assert rtcp == rtp + 1
    for sock, number in zip(ports.sockets(*HERE)[0], (rtp, rtcp), strict=True):
        assert sock.getsockname() == ("127.0.0.1", number)


async def test_a_pair_that_is_taken_is_an_error(ports):
    with pytest.raises(OSError, match="in use"):
        RtpPorts.open([HERE], ports.numbers[0])


async def test_an_odd_port_that_is_taken_leaves_nothing_open(client):
    port = client.getsockname()[1]
    if port % 2:
        with pytest.raises(OSError, match="in use"):
            RtpPorts.open([HERE], port - 1)
    else:
        with pytest.raises(OSError, match="in use"):
            RtpPorts.open([HERE], port)


async def test_addresses_share_the_numbers_and_each_family_has_its_sockets():
    try:
        ports = RtpPorts.open([HERE, (socket.AF_INET6, "::1")], 0)
    except OSError:
        pytest.skip("no IPv6 here")
    try:
        (rtp, _), source = ports.sockets(socket.AF_INET6, "::1")
        assert (rtp.getsockname()[:2], source) == (("::1", ports.numbers[0]), None)
        with pytest.raises(KeyError):
            ports.sockets(socket.AF_INET, "192.0.2.1")
    finally:
        ports.close()


async def test_sockets_bound_to_all_send_from_the_address_the_client_came_to():
    ports = RtpPorts.open([(socket.AF_INET, "0.0.0.0")], 0)
    try:
        assert ports.sockets(socket.AF_INET, "127.0.0.5")[1] == "127.0.0.5"
    finally:
        ports.close()


async def test_reports_reach_the_session_of_their_sender_and_nobody_else(ports, client):
    heard, others = asyncio.Queue(), []
    ports.listen(client.getsockname(), heard.put_nowait)
    ports.listen(("127.0.0.1", 9), others.append)
    client.sendto(b"no report", ("127.0.0.1", ports.numbers[1]))
    client.sendto(REPORT, ("127.0.0.1", ports.numbers[1]))
    async with asyncio.timeout(20):
        assert await heard.get() == REPORT
    assert heard.empty()
    assert others == []


async def test_a_session_that_was_forgotten_hears_nothing_and_forgets_nobody_else(ports, client):
    first, second = asyncio.Queue(), asyncio.Queue()
    ports.listen(client.getsockname(), first.put_nowait)
    ports.listen(client.getsockname(), second.put_nowait)
    ports.forget(client.getsockname(), first.put_nowait)
    client.sendto(REPORT, ("127.0.0.1", ports.numbers[1]))
    async with asyncio.timeout(20):
        assert await second.get() == REPORT
    assert first.empty()


async def test_the_pacer_calls_who_waits_until_they_do_not():
    pacer = Pacer()
    called, done = [], asyncio.Event()

    def callback() -> None:
        called.append(True)
        if len(called) == 3:
            pacer.discard("viewer")
            done.set()

    pacer.add("viewer", callback)
    async with asyncio.timeout(20):
        await done.wait()
    assert len(called) == 3
    assert pacer._tick is None  # nobody waits: no timer
    pacer.add("other", callback)
    pacer.close()
    assert pacer._tick is None
