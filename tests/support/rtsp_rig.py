"""Simulated RTSP cameras for tests, and connectors that hold them."""

from connector_bench import ConnectorBench

from cambus.connector_rtsp.service import RtspConnector
from cambus.connector_rtsp.settings import RtspSettings
from cambus.schemas.state.devices import DeviceRecord
from cambus.simulators.rtsp.simulator import RtspSimulator
from cambus.simulators.rtsp.source import MediaPlan
from cambus.simulators.video_loop import VideoSpec

USER, PASSWORD = "admin", "c4nary: passw0rd"
SMALL = MediaPlan(
    main=VideoSpec(width=320, height=240, fps=20, bitrate=200_000, gop_s=0.5, loop_s=1.0),
    sub=VideoSpec(width=160, height=128, fps=10, bitrate=60_000, gop_s=0.5, loop_s=1.0),
)
"""Streams that cost a test little, with keyframes every half a second."""


def camera(**more):
    """A simulated camera; enter it."""
    return RtspSimulator(**{"user": USER, "password": PASSWORD, "media": SMALL, **more})


class RtspBench(ConnectorBench):
    """Connectors for RTSP."""

    def __init__(self, bus, nats, folder):
        super().__init__(bus, nats, folder, RtspConnector, RtspSettings)

    async def add(self, device, at, *, password=PASSWORD, options=None, **fields):
        """Write a device's record, with credentials of its own."""
        record = DeviceRecord(
            **{
                "id": device,
                "protocol": "rtsp",
                "address": at if isinstance(at, str) else f"127.0.0.1:{at.port}",
                "credentials": await self.credential(f"c-{device}", password, USER),
                "options": {"url": "/ch1/main", "sub_url": "/ch1/sub", **(options or {})},
                **fields,
            }
        )
        await self.devices.put(device, record)

    async def online(self, device, at, **fields):
        """Start a connector, add a device to it and wait until it is there."""
        if not self.connectors:
            await self.connector()
        await self.add(device, at, **fields)
        return await self.shown(device)

    async def publisher(self, device, *, password=PASSWORD, options=None, connector="replica-1", **settings):
        """Write the record of a device that publishes; the ports of the connector it may publish to."""
        if connector not in self.connectors:
            await self.connector(connector, **{"rtsp_publish_port": 0, "rtmp_publish_port": 0, **settings})
        record = DeviceRecord(
            id=device,
            protocol="rtsp",
            credentials=await self.credential(f"c-{device}", password, USER),
            options={"publish": True, "stall_s": 60, **(options or {})},  # FFmpeg may pause on a busy machine
        )
        await self.devices.put(device, record)
        await self.shown(device, lambda presence: presence.state == "awaited")
        return self.connectors[connector].service.publishing
