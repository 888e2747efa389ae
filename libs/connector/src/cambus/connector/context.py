"""What the connector gives a driver for one device: everything it may need and nothing of the others."""

from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from cambus.bus.connection import Bus
from cambus.bus.metrics import Metrics
from cambus.connector.device_events import DeviceEvents
from cambus.connector.media_metrics import MediaMetrics
from cambus.connector.publisher import FramePublisher
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.subjects import media_subject


class DeviceHooks(Protocol):
    """What a driver tells the connector about its device between sessions and in them."""

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Run something that outlives sessions; it is cancelled when the device is no longer held here."""

    def described(self) -> None:
        """The description of the session has changed: presence is to follow."""

    def drifted(self, drift_s: float | None) -> None:
        """The device's clock is so many seconds ahead of ours."""

    def upgrading(self, *, active: bool) -> None:
        """An upgrade has begun or ended; while it lasts, losing the session is no surprise."""

    def online(self) -> bool:
        """Whether the device has a session now; for what waits for it to come back."""

    def session_name(self) -> str:
        """What the present session is called, as presence shows it; see `Presence.session_name`."""

    def owned(self) -> bool:
        """Whether this replica certainly holds the device at this instant: ask before a side effect."""

    def claimed(
        self, channel: int, stream: str, claimant: str, ttl_s: float
    ) -> AbstractAsyncContextManager[None]:
        """Claim a live stream for the length of a block, as a viewer would. Raises what `live.start` raises."""

    async def replace_credentials(self, credentials: Credentials) -> None:
        """Store the device's account anew. Raises `SessionEnd` or `BusError` if it was not stored."""


@dataclass(frozen=True, slots=True)
class DeviceContext:
    """The surroundings of one device.

    Attributes:
        device: its id.
        protocol: its protocol.
        bus: the connection, for object stores and subscriptions of the driver's own.
        events: publishes its events, durable before it returns.
        metrics: where a driver declares metrics of its own.
        media: counts frames and drops.
        hooks: tells the connector about the device.
    """

    device: str
    protocol: str
    bus: Bus
    events: DeviceEvents
    metrics: Metrics
    media: MediaMetrics
    hooks: DeviceHooks

    def publisher(self, channel: int, stream: str) -> FramePublisher:
        """Return a publisher for a live stream, or for a playback (`s-<session>`)."""
        return FramePublisher(self.bus, media_subject(self.device, channel, stream), self.media)
