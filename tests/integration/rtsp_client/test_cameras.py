"""The client against simulated cameras: what it waits for ends, what it opens it closes."""

import asyncio
import socket
from functools import partial

import pytest
from rtsp_rig import PASSWORD, USER, camera

from cambus.rtsp.client import PullSettings, describe, open_pull
from cambus.rtsp.client_errors import (
    AuthRefused,
    ConnectionLost,
    MalformedAnswer,
    Refused,
    RequestTimeout,
    Stalled,
    Unreachable,
)
from cambus.rtsp.client_link import MOST_BYTES
from cambus.rtsp.client_url import parse_source
from cambus.rtsp.login import Login
from cambus.rtsp.udp_ports import UdpPorts

QUICK = PullSettings(connect_timeout_s=5.0, request_timeout_s=0.5, stall_s=1.0)
UDP = PullSettings(transport="udp", stall_s=1.0)
account = partial(Login, USER, PASSWORD)


@pytest.fixture
async def cam():
    async with camera() as made:
        await made.prepare()
        yield made


def source(cam, path="/ch1/main"):
    return parse_source(f"rtsp://127.0.0.1:{cam.port}{path}")


async def test_what_is_described_is_closed_again(cam):
    description = await describe(source(cam), account, QUICK)
    assert [track.encoding for track in description.tracks] == ["H264", "PCMA"]
    await cam.wait_for(lambda: not cam.connections)
    assert "TEARDOWN" not in cam.methods


async def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Unreachable):
            await describe(parse_source(f"rtsp://127.0.0.1:{port}/"), account, QUICK)


async def test_a_name_nobody_knows():
    with pytest.raises(Unreachable):
        await describe(parse_source("rtsp://nowhere.invalid/"), account, QUICK)


async def test_a_camera_that_says_nothing_is_given_up(cam):
    cam.quirks.silent = True
    with pytest.raises(RequestTimeout):
        await describe(source(cam), account, QUICK)
    await cam.wait_for(lambda: not cam.connections)


async def test_a_server_of_another_kind_is_told_as_such():
    async def web(reader, writer):
        await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(web, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MalformedAnswer):
            await describe(parse_source(f"rtsp://127.0.0.1:{port}/"), account, QUICK)


async def test_a_server_without_end_is_given_up():
    async def flood(reader, writer):
        try:
            while True:
                writer.write(b"RTSP/1.0 200 OK\r\nX: " + b"x" * 60_000)
                await writer.drain()
        except ConnectionError:
            writer.close()

    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MalformedAnswer):
            await describe(parse_source(f"rtsp://127.0.0.1:{port}/"), account, QUICK)


async def test_a_redirection_within_the_host_is_followed(cam):
    async with camera() as old:
        old.quirks.redirect = source(cam).url
        await describe(source(old), account, QUICK)
    assert cam.methods.count("DESCRIBE") > 0


async def test_a_redirection_to_another_host_is_not(cam):
    cam.quirks.redirect = "rtsp://192.0.2.1/ch1/main"
    with pytest.raises(Refused, match="another host"):
        await describe(source(cam), account, QUICK)


async def test_a_redirection_in_circles_ends(cam):
    cam.quirks.redirect = source(cam).url
    with pytest.raises(Refused, match="again and again"):
        await describe(source(cam), account, QUICK)
    await cam.wait_for(lambda: not cam.connections)
    assert len(cam.past) == 4


async def test_basic_is_answered_where_it_is_allowed(cam):
    cam.quirks.login = "basic"
    with pytest.raises(AuthRefused):
        await describe(source(cam), account, QUICK)
    await describe(source(cam), partial(account, basic=True), QUICK)
    await cam.wait_for(lambda: not cam.connections)
    assert cam.past[-1].door.schemes == ["Basic"]


@pytest.mark.parametrize("settings", [QUICK, UDP], ids=["tcp", "udp"])
async def test_a_camera_that_stalls_is_noticed(cam, settings):
    cam.quirks.stall_after_s = 0.3
    pull = await open_pull(source(cam), account, settings)
    try:
        with pytest.raises(Stalled):
            await _for_ever(pull)
    finally:
        await pull.close()
    await cam.wait_for(lambda: not cam.connections)
    assert cam.methods[-1] == "TEARDOWN"


async def test_a_camera_that_hangs_up_is_noticed(cam):
    pull = await open_pull(source(cam), account, QUICK)
    await pull.units()
    cam.hang_up()
    with pytest.raises(ConnectionLost):
        await _for_ever(pull)
    await pull.close()
    await pull.close()


@pytest.mark.parametrize("settings", [QUICK, UDP], ids=["tcp", "udp"])
async def test_an_attempt_that_is_given_up_leaves_nothing(cam, settings):
    for turns in range(0, 60, 3):
        attempt = asyncio.create_task(open_pull(source(cam), account, settings))
        for _ in range(turns):
            await asyncio.sleep(0)
        attempt.cancel()
        outcome, *_ = await asyncio.gather(attempt, return_exceptions=True)
        if not isinstance(outcome, BaseException):
            await outcome.close()
    await cam.wait_for(lambda: not cam.connections)


async def test_who_does_not_take_what_comes_is_sent_no_more(cam):
    """The bytes that wait are bounded: the camera feels it."""
    pull = await open_pull(source(cam), account, PullSettings(stall_s=60))
    (connection,) = cam.connections
    packet = b"$\x00\xff\xff" + bytes(65_535)
    transport = connection._transport
    transport.set_write_buffer_limits(high=1)
    link = pull._link
    for _ in range(40 * MOST_BYTES // len(packet)):
        transport.write(packet)
    await asyncio.wait_for(_until(lambda: link._held), 30)
    held = link._waiting_bytes
    for _ in range(50):
        await asyncio.sleep(0)
    assert link._waiting_bytes == held <= 2 * MOST_BYTES
    assert transport.get_write_buffer_size() > 0
    await pull.units()
    assert not link._held
    await pull.close()


async def _for_ever(pull):
    while True:
        await pull.units()


async def _until(condition):
    while not condition():  # noqa: ASYNC110 - nobody sets an event
        await asyncio.sleep(0)


async def test_datagrams_of_strangers_are_dropped():
    heard = asyncio.Event()
    ports = await UdpPorts.open("127.0.0.1", "127.0.0.2")
    ports.on_data = heard.set
    try:
        assert ports.numbers[0] % 2 == 0
        assert ports.numbers[1] == ports.numbers[0] + 1
        for host in ("127.0.0.3", "127.0.0.2"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((host, 0))
                sender.sendto(host.encode(), ("127.0.0.1", ports.numbers[1]))
        await heard.wait()
        assert ports.take() == [(True, b"127.0.0.2")]
        assert ports.strangers == 1
    finally:
        ports.close()
        await asyncio.sleep(0)
