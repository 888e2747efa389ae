"""Connections: so many for one address, and none for who does not get to the point (GB-275)."""

import asyncio

from gb28181_by_hand import Platform, hand_device
from sip_peer import TcpDevice, request_text

from cambus.gb28181.admission import AdmissionSettings


async def test_one_address_holds_so_many_connections_to_a_platform():
    async with (
        Platform(admission=AdmissionSettings(connections_per_source=3)) as platform,
        hand_device(platform, tcp=True) as device,
        await TcpDevice.open(platform.gb.port),
        await TcpDevice.open(platform.gb.port),
    ):
        async with await TcpDevice.open(platform.gb.port) as one_too_many:
            assert await one_too_many.is_closed() == b""
        assert platform.gb.endpoint.counts["connection-limit"] == 1
        assert await device.keepalive() == 200


async def test_who_writes_a_head_slowly_is_closed_and_a_device_that_is_silent_is_not():
    async with (
        Platform(admission=AdmissionSettings(message_timeout_s=1.0)) as platform,
        hand_device(platform, tcp=True) as device,
        await TcpDevice.open(platform.gb.port) as slow,
        await TcpDevice.open(platform.gb.port) as mute,
    ):
        dribbling = asyncio.create_task(dribble(slow))
        try:
            assert await slow.is_closed() == b""
            assert await mute.is_closed() == b""
        finally:
            dribbling.cancel()
            await asyncio.gather(dribbling, return_exceptions=True)
        assert platform.gb.endpoint.counts["message-timeout"] == 2
        assert await device.keepalive() == 200


async def dribble(device):
    """A byte now and then, as those do who want to hold many connections."""
    for byte in request_text("REGISTER", headers=["X-Long: " + "x" * 10_000]):
        device.say(bytes([byte]))
        await asyncio.sleep(0.01)
