"""Peers that do not read, do not end, do not answer: nobody else waits for them (GB-011, GB-024, GB-275)."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from sip_peer import TcpDevice, UdpDevice, answer_text, black_hole, request_text
from sip_platform import Platform, outgoing

from cambus.sip.connections import MAX_UNSENT_BYTES, Limits
from cambus.sip.errors import TransportError
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer


async def status_of(device: UdpDevice | TcpDevice) -> int:
    message = await device.hears()
    assert isinstance(message, Response)
    return message.status


async def test_a_peer_that_does_not_read_is_dropped_and_delays_nobody() -> None:
    async with Platform() as platform, UdpDevice() as other:
        silent = socket.create_connection(("127.0.0.1", platform.port))
        try:
            silent.sendall(request_text("REGISTER"))
            peer = (await platform.hears_request()).peer
            asking = []
            for number in range(200):  # far more than all buffers hold
                body = b"x" * 100_000
                request = outgoing("MESSAGE", call_id=f"call-{number}", body=body)
                with contextlib.suppress(TransportError):
                    asking.append(asyncio.create_task(platform.endpoint.request(request, peer)))
                await asyncio.sleep(0)
                other.say(request_text(via=[f"SIP/2.0/UDP a;branch=z9hG4bK{number}"]), platform.port)
                assert await status_of(other) == 200
            outcomes = await asyncio.gather(*asking, return_exceptions=True)

            assert {type(each) for each in outcomes} == {TransportError}
            assert await asyncio.wait_for(platform.lost.get(), 20) == peer
            assert platform.endpoint.counts["peer-does-not-read"] == 1
            assert sum(len(b"x" * 100_000) for _ in asking) > 10 * MAX_UNSENT_BYTES
        finally:
            silent.close()


async def test_who_reads_is_sent_a_message_of_any_length() -> None:
    async with Platform() as platform, await TcpDevice.open(platform.port) as device:
        device.say(request_text("REGISTER"))
        peer = (await platform.hears_request()).peer
        await device.hears()
        body = b"x" * (3 * MAX_UNSENT_BYTES)
        asking = asyncio.create_task(platform.endpoint.request(outgoing("MESSAGE", body=body), peer))
        heard = await device.hears()
        assert isinstance(heard, Request)
        assert heard.body == body
        device.say(answer_text(heard, 200))
        assert (await asking).status == 200


async def test_a_connection_nobody_takes_delays_nobody() -> None:
    hole, to_close = black_hole()
    try:
        async with Platform() as platform, UdpDevice() as other:
            connecting = [
                asyncio.create_task(platform.endpoint.connect(*hole.getsockname(), timeout_s=1.0))
                for _ in range(5)
            ]
            await asyncio.sleep(0)
            while not all(each.done() for each in connecting):
                other.say(request_text(), platform.port)
                assert await status_of(other) == 200

            outcomes = await asyncio.gather(*connecting, return_exceptions=True)
            assert TransportError in {type(each) for each in outcomes}
            assert any("no answer" in str(each) for each in outcomes)
    finally:
        for each in to_close:
            each.close()


@pytest.mark.parametrize(
    "beginning",
    [b"MES", b"MESSAGE sip:1@x SIP/2.0\r\n", request_text(length="10") + b"x"],
    ids=["line", "head", "body"],
)
async def test_who_never_ends_a_message_is_closed(beginning: bytes) -> None:
    async with (
        Platform(limits=Limits(message_timeout_s=0.1)) as platform,
        await TcpDevice.open(platform.port) as device,
    ):
        device.say(beginning)

        assert await device.is_closed() == b""
        assert platform.endpoint.counts["message-timeout"] == 1


async def test_who_is_between_messages_may_be_silent() -> None:
    async with Platform(limits=Limits(message_timeout_s=0.5)) as platform:
        quiet = []
        for number in range(2):
            quiet.append(device := await TcpDevice.open(platform.port))
            device.say(request_text(via=[f"SIP/2.0/TCP a;branch=z9hG4bK-first-{number}"]))
            assert await status_of(device) == 200
        quiet[1].say(b"\r\n")  # half a ping
        async with await TcpDevice.open(platform.port) as slow, quiet[0], quiet[1]:
            slow.say(b"MES")
            await slow.is_closed()
            async with await TcpDevice.open(platform.port) as slow_again:
                slow_again.say(b"MES")
                await slow_again.is_closed()  # two sweeps have passed

            for number, device in enumerate(quiet):
                device.say(request_text(via=[f"SIP/2.0/TCP a;branch=z9hG4bK-{number}"]))
                assert await status_of(device) == 200


@pytest.mark.parametrize("noise", [b"", b"\r\n\r\n", b"\x00\x01 nothing anybody knows\r\n"])
async def test_who_never_says_anything_is_closed(noise: bytes) -> None:
    async with (
        Platform(limits=Limits(message_timeout_s=0.1)) as platform,
        await TcpDevice.open(platform.port) as device,
    ):
        device.say(noise)
        await device.is_closed()
        assert platform.endpoint.counts["message-timeout"] == 1


async def test_one_address_may_hold_so_many_connections_and_no_more() -> None:
    async with Platform(limits=Limits(connections_per_host=2)) as platform:
        async with await TcpDevice.open(platform.port) as one, await TcpDevice.open(platform.port) as two:
            for device in (one, two):
                device.say(request_text(via=[f"SIP/2.0/TCP {device.address[1]};branch=z9hG4bK1"]))
                assert await status_of(device) == 200
            async with await TcpDevice.open(platform.port) as three:
                assert await three.is_closed() == b""
            assert platform.endpoint.counts["connection-limit"] == 1
        for _ in range(2):
            await asyncio.wait_for(platform.lost.get(), 20)
        async with await TcpDevice.open(platform.port) as four:
            four.say(request_text())
            assert await status_of(four) == 200


async def test_a_connection_of_ours_that_is_too_many_is_an_error() -> None:
    async with Platform() as upper, Platform(limits=Limits(connections_per_host=1)) as lower:
        await lower.endpoint.connect("127.0.0.1", upper.port)

        with pytest.raises(TransportError, match="no further"):
            await lower.endpoint.connect("127.0.0.1", upper.port)


async def test_who_is_known_may_send_more_than_who_is_not() -> None:
    known: set[Peer] = set()
    limits = Limits(body_bytes=lambda peer: 100_000 if peer in known else 1_000)
    async with Platform(limits=limits) as platform, await TcpDevice.open(platform.port) as device:
        device.say(request_text("REGISTER"))
        known.add((await platform.hears_request()).peer)
        assert await status_of(device) == 200
        device.say(request_text(body=b"x" * 50_000))
        assert await status_of(device) == 200

        async with await TcpDevice.open(platform.port) as stranger:
            stranger.say(request_text(body=b"x" * 50_000))
            assert (await stranger.is_closed()).startswith(b"SIP/2.0 413 ")


async def test_a_storm_of_registrations_loses_nobody() -> None:
    async with Platform() as platform, UdpDevice() as device:
        heard = set()
        for start in range(0, 2000, 100):
            for number in range(start, start + 100):
                via = [f"SIP/2.0/UDP a;branch=z9hG4bK{number}"]
                device.say(request_text("REGISTER", call_id=f"c-{number}", via=via), platform.port)
            for _ in range(100):
                response = await device.hears()
                assert isinstance(response, Response)
                heard.add(response.call_id)

        assert len(heard) == 2000
