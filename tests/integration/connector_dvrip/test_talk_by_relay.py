"""Speaking from the relay's page through a recorder: what the page sends comes out of the loudspeaker."""

import asyncio
import json
from array import array

import aiohttp
import pytest

from cambus.bus.in_process import RunningService
from cambus.media.g711 import decode_alaw
from cambus.media_relay.service import MediaRelay
from cambus.media_relay.settings import RelaySettings
from cambus.simulators.tone import channel_tone

PIECE = 320
TONE = b"".join(channel_tone(1)[:12])


@pytest.fixture
async def relay(dvrip_nats):
    """Where a relay on the bus of the connectors is reached."""
    settings = RelaySettings(
        nats_url=dvrip_nats.url,
        instance="relay-test",
        relay_http_port=0,
        relay_rtsp_port=0,
        relay_webrtc_port=0,
    )
    async with RunningService(MediaRelay, settings) as running:
        yield f"127.0.0.1:{running.service.relay.http_port}"


def heard(simulator):
    """What came out of the loudspeaker: pieces of A-law behind the eight bytes each has on the network."""
    recent = bytes(simulator.device.talk.recent)
    return b"".join(recent[at + 8 : at + 8 + PIECE] for at in range(0, len(recent), 8 + PIECE))


async def opens(session, relay, device):
    """Whether the loudspeaker is to be had."""
    async with session.ws_connect(f"ws://{relay}/talk/{device}/0") as socket:
        return json.loads(await socket.receive_str())["type"] == "open"


async def test_what_the_page_sends_comes_out_of_the_loudspeaker(bench, simulator, device, relay):
    await bench.online(device, simulator)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{relay}/api/talk?device={device}") as answer:
            assert await answer.json() == {"possible": True, "why": None}
        async with session.ws_connect(f"ws://{relay}/talk/{device}/0") as socket:
            assert json.loads(await socket.receive_str()) == {"type": "open", "sample_rate_hz": 8000}
            for at in range(0, len(TONE), PIECE):
                await socket.send_bytes(TONE[at : at + PIECE])
            while len(heard(simulator)) < len(TONE):  # noqa: ASYNC110  # the device is another's socket
                await asyncio.sleep(0.01)
        assert heard(simulator) == TONE
        assert max(map(abs, array("h", decode_alaw(heard(simulator))))) > 1000
        while not await opens(session, relay, device):  # it is given back, a moment after
            pass
