"""Devices on real TCP connections (GB-008, GB-010, GB-014, GB-029)."""

from __future__ import annotations

import asyncio

import pytest
from sip_peer import TcpDevice, UdpDevice, answer_text, request_text
from sip_platform import Platform, outgoing

from cambus.sip.errors import TransportError
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer


async def status_of(device: TcpDevice) -> int:
    message = await device.hears()
    assert isinstance(message, Response)
    return message.status


async def connected(platform: Platform, **options: object) -> tuple[TcpDevice, Peer]:
    """A device that has registered, and what the platform calls it."""
    device = await TcpDevice.open(platform.port, **options)
    device.say(request_text("REGISTER"))
    assert await status_of(device) == 200
    return device, (await platform.hears_request()).peer


async def test_a_device_is_answered_and_asked_on_the_connection_it_made() -> None:
    async with Platform() as platform:
        device, peer = await connected(platform)
        async with device:
            assert peer == Peer("tcp", *device.address, peer.connection)
            assert platform.endpoint.is_connected(peer)

            asking = asyncio.create_task(platform.endpoint.request(outgoing("MESSAGE"), peer))
            heard = await device.hears()
            assert isinstance(heard, Request)
            device.say(answer_text(heard, 200))

            assert (await asking).status == 200
            assert heard.via.text.startswith(f"SIP/2.0/TCP 127.0.0.1:{platform.port};")


async def test_without_its_connection_a_device_is_not_called() -> None:
    async with Platform() as platform:
        device, peer = await connected(platform)
        async with device:
            pass
        assert await asyncio.wait_for(platform.lost.get(), 20) == peer

        assert not platform.endpoint.is_connected(peer)
        with pytest.raises(TransportError):
            await platform.endpoint.request(outgoing("MESSAGE"), peer)


async def test_what_waits_on_a_connection_fails_when_it_is_lost() -> None:
    async with Platform() as platform:
        device, peer = await connected(platform)
        async with device:
            asking = asyncio.create_task(platform.endpoint.request(outgoing("MESSAGE"), peer))
            calling = asyncio.create_task(platform.endpoint.invite(outgoing("INVITE"), peer))
            await device.hears()
            await device.hears()
        for task in (asking, calling):
            with pytest.raises(TransportError):
                await task


async def test_messages_may_come_in_any_pieces() -> None:
    async with Platform() as platform, await TcpDevice.open(platform.port) as device:
        stream = b"".join(
            request_text(
                call_id=f"call-{number}", via=[f"SIP/2.0/TCP a;branch=z9hG4bK{number}"], body=b"<A/>"
            )
            for number in range(3)
        )
        for at in range(0, len(stream), 7):
            device.say(stream[at : at + 7])
            await asyncio.sleep(0)
        device.say(stream.replace(b"z9hG4bK", b"z9hG4bKx"))

        assert [await status_of(device) for _ in range(6)] == [200] * 6


async def test_a_ping_is_answered() -> None:
    async with Platform() as platform, await TcpDevice.open(platform.port) as device:
        device.say(b"\r\n\r\n")
        assert await device.reads(2) == b"\r\n"
        device.say(b"\r\n\r\n\r\n\r\n")
        assert await device.reads(4) == b"\r\n\r\n"


async def test_after_garbage_the_next_message_is_answered() -> None:
    async with Platform() as platform, await TcpDevice.open(platform.port) as device:
        device.say(b"\x01\x02garbage\r\n<Item/>\r\n\r\n" + request_text())

        assert await status_of(device) == 200
        assert platform.endpoint.counts["garbage"] > 0


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request_text(length="-1"), 400),
        (request_text(length="ten"), 400),
        (request_text(length="5", headers=["l: 6"]), 400),
        (request_text(length="99999999"), 413),
        (request_text(headers=["X: 1"] * 300), 413),
        (request_text().replace(b"SIP/2.0\r", b"SIP/8.0\r", 1), 505),
    ],
)
async def test_what_cannot_be_followed_is_refused_and_closed_and_others_go_on(
    data: bytes, status: int
) -> None:
    async with Platform() as platform:
        other, _ = await connected(platform)
        async with other, await TcpDevice.open(platform.port) as device:
            device.say(data)
            assert (await device.is_closed()).startswith(f"SIP/2.0 {status} ".encode())

            other.say(request_text("BYE"))
            assert await status_of(other) == 200


async def test_the_platform_may_connect_and_disconnect() -> None:
    async with Platform() as upper, Platform() as lower:
        peer = await lower.endpoint.connect("127.0.0.1", upper.port)

        assert (await lower.endpoint.request(outgoing("REGISTER"), peer)).status == 200
        lower.endpoint.disconnect(peer)
        lower.endpoint.disconnect(peer)

        assert await asyncio.wait_for(lower.lost.get(), 20) == peer
        assert (await asyncio.wait_for(upper.lost.get(), 20)).transport == "tcp"


async def test_a_closed_port_is_said_to_be_one() -> None:
    async with Platform() as platform, UdpDevice() as device:
        with pytest.raises(TransportError, match="cannot connect"):
            await platform.endpoint.connect(*device.address)


async def test_ipv6_connections_work() -> None:
    async with Platform(host="::1") as platform:
        device, peer = await connected(platform, host="::1")
        async with device:
            assert peer.host == "::1"
            asking = asyncio.create_task(platform.endpoint.request(outgoing("MESSAGE"), peer))
            heard = await device.hears()
            assert isinstance(heard, Request)
            assert heard.via.host == "[::1]"
            device.say(answer_text(heard, 200))
            assert (await asking).status == 200


async def test_closing_closes_every_connection() -> None:
    async with Platform() as platform:
        device, _ = await connected(platform)
    async with device:
        assert await device.is_closed() == b""
