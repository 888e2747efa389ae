"""What is lost and what is refused is counted under its reason."""

import asyncio

import pytest

from cambus.connector.publisher import FramePublisher
from cambus.dvrip.frame_queue import FrameQueue
from cambus.schemas.commands import ptz
from cambus.schemas.errors import CambusError


def value(bench, series):
    """A series of the connector's metrics; 0 before it is counted for the first time."""
    text = bench.connectors["replica-1"].service.runtime.metrics.render().decode()
    return next(
        (float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(series)), 0.0
    )


async def test_frames_that_wait_too_long_for_the_bus_are_dropped_and_counted(
    bench, simulator, device, monkeypatch, eventually
):
    flows, full = asyncio.Event(), asyncio.Event()
    publish, overflow = FramePublisher.publish, FrameQueue._overflow

    async def stalled(self, frame):
        await flows.wait()
        return await publish(self, frame)

    def noted(self, frame):
        full.set()
        overflow(self, frame)

    monkeypatch.setattr(FramePublisher, "publish", stalled)
    monkeypatch.setattr(FrameQueue, "_overflow", noted)
    simulator.quirks.pace = 20.0
    await bench.online(device, simulator)
    watched = await bench.view(device)
    await full.wait()
    flows.set()
    series = 'cambus_media_frames_dropped_total{kind="video",protocol="dvrip",reason="queue"}'
    await eventually(lambda: value(bench, series) >= 256)
    frames = await watched.until(lambda frames: any(frame.discontinuity for frame in frames[1:]))
    assert next(frame for frame in frames[1:] if frame.discontinuity).keyframe


@pytest.mark.parametrize("code", [102, 118])
async def test_requests_are_counted_by_what_the_device_said(bench, simulator, device, code):
    simulator.quirks.ptz_code = code
    await bench.online(device, simulator)
    with pytest.raises(CambusError):
        await bench.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1), device=device)
    assert value(bench, f'cambus_dvrip_requests_total{{code="{code}",request="ptz"}}') >= 1
