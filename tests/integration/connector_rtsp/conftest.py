"""The real connector, a real NATS server and simulated cameras, all in the test's own process."""

import pytest
from connector_bench import running_bench
from rtsp_rig import RtspBench, camera

from cambus.bus.testing import NatsServer


@pytest.fixture(scope="session")
def rtsp_nats():
    """A server of these tests' own: every connector on it takes every device there is."""
    with NatsServer() as server:
        yield server


@pytest.fixture
async def bench(rtsp_nats, tmp_path, bus_settings):
    settings = bus_settings.model_copy(update={"nats_url": rtsp_nats.url})
    async with running_bench(lambda bus: RtspBench(bus, rtsp_nats, tmp_path), settings, 90) as made:
        yield made


@pytest.fixture
async def cam():
    """A camera of one channel: H.264 and G.711."""
    async with camera() as made:
        await made.prepare()
        yield made
