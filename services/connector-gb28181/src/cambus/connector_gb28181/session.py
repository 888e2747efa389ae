"""One registration of a GB/T 28181 device, from the first REGISTER until it is offline."""

import asyncio
import logging
from typing import TYPE_CHECKING

from cambus.connector.download_slot import DownloadSlot
from cambus.connector.driver import DeviceDescription, DeviceStream, FrameSink
from cambus.connector.errors import SessionEnd
from cambus.connector.talk import Talks
from cambus.connector.taps import KeyframeTaps
from cambus.connector_gb28181.alarms import arm
from cambus.connector_gb28181.channels import ChannelTable
from cambus.connector_gb28181.downloads import Downloads
from cambus.connector_gb28181.link import GbLink
from cambus.connector_gb28181.mapping.device import description_of
from cambus.connector_gb28181.mapping.errors import command_error
from cambus.connector_gb28181.microphones import Microphones
from cambus.connector_gb28181.motion import Motions
from cambus.connector_gb28181.playbacks import Playbacks
from cambus.connector_gb28181.reports import Reports
from cambus.connector_gb28181.settings import split_address
from cambus.connector_gb28181.snapshot_upload import PictureOrders
from cambus.connector_gb28181.stream import open_live
from cambus.connector_gb28181.subscriptions import Subscriptions
from cambus.connector_gb28181.survey import Survey
from cambus.gb28181.binding import Binding
from cambus.gb28181.errors import GbError, Unreachable
from cambus.gb28181.media_session import MediaSessions
from cambus.gb28181.platform import Told
from cambus.gb28181.remote_device import RemoteDevice
from cambus.schemas.alarms import Severity
from cambus.schemas.errors import CambusError, NotFound
from cambus.schemas.state.registrations import KnownDevice
from cambus.sip.errors import TransportError
from cambus.sip.peer import Peer

if TYPE_CHECKING:
    from cambus.connector_gb28181.device import GbDevice

logger = logging.getLogger(__name__)


class GbSession:
    """A device that is there.

    Args:
        device: whose session.
        link: its registration.
        known: what it has said of itself.
        channels: what is behind it.

    Attributes:
        code: the device's.
        remote: the device, to be asked and commanded.
        known: what it has said of itself.
        channels: what is behind it.
        survey: asks it what it is.
        reports: deals with what it says on its own.
        subscriptions: what it is asked to say.
        motions: what moves on its cameras.
        taps: keyframes of its live streams, for whoever waits for one.
        pictures: those it uploads itself.
        picture_turn: one picture at a time.
        microphones: the sound of its live streams, for whoever talks through it.
        talks: who does.
        slot: its one download at a time.
        playbacks: recordings that are played.
        downloads: recordings that are fetched.
    """

    def __init__(self, device: "GbDevice", link: GbLink, known: KnownDevice, channels: ChannelTable) -> None:
        self.device = device
        self.link = link
        self.known = known
        self.channels = channels
        self.code = device.code
        self.remote: RemoteDevice = device.hub.signalling.platform.device(self.code)
        self.survey = Survey(self)
        self.reports = Reports(self)
        self.subscriptions = Subscriptions(self)
        self.motions = Motions(self)
        self.taps = KeyframeTaps()
        self.picture_turn = asyncio.Lock()
        self.microphones = Microphones()
        self.talks = Talks(device.context)
        self.slot = DownloadSlot()
        self.playbacks = Playbacks(self)
        self.downloads = Downloads(self)
        self.pictures = PictureOrders(self)
        self._description = description_of(self.known, channels, link)
        device.hub.signalling.listen(self.code, self)

    @property
    def description(self) -> DeviceDescription:
        """What the device is, as far as is known."""
        return self._description

    @property
    def media(self) -> MediaSessions:
        """Where media sessions are set up."""
        return self.device.hub.signalling.media

    # --- life -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the session until the device is offline. Raises `SessionEnd`."""
        self.reports.begin()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.survey.run(), name=f"survey {self.device.id}")
                tasks.create_task(self.subscriptions.run(), name=f"subscriptions {self.device.id}")
                tasks.create_task(arm(self), name=f"arm {self.device.id}")
                tasks.create_task(self.media.end_orphans_of(self.code), name=f"orphans {self.device.id}")
                raise await asyncio.shield(self.link.over)
        except* SessionEnd as ends:
            raise _first(ends) from None

    async def close(self) -> None:
        """Stop what moves and plays, and listening; live streams were closed before."""
        await asyncio.gather(
            self.reports.close(),
            self.motions.close(),
            self.playbacks.close(),
            self.downloads.close(),
            self.talks.close(),
        )
        self.device.hub.signalling.listen(self.code, None)
        self.remote.nobody_listens()
        self.device.left(self)

    # --- what the platform tells ------------------------------------------------------------------------

    def told(self, told: Told) -> None:
        """The device has told something."""
        self.reports.told(told)

    def moved(self, binding: Binding) -> None:
        """The device is reached elsewhere now."""
        logger.info("device moved", extra={"device": self.device.id, "address": str(binding.peer)})
        self.described()

    def doubled(self, peers: tuple[Peer, ...]) -> None:
        """Two devices seem to use its code."""
        where = " and ".join(sorted(str(peer) for peer in peers)[:4])
        self.device.context.hooks.spawn(
            self.device.context.events.exception(
                "duplicate-id",
                f"registrations come in turns from {where}; two devices may use one code",
                severity=Severity.MAJOR,
            ),
            "duplicate",
        )

    def described(self) -> None:
        """Something about the device is different: presence is to follow."""
        description = description_of(self.known, self.channels, self.link)
        if description != self._description:
            self._description = description
            self.device.context.hooks.described()

    @property
    def own_host(self) -> str:
        """Our address on the way to the device. Raises Unreachable if no way leads there."""
        endpoint = self.device.hub.signalling.platform.endpoint
        try:
            return split_address(endpoint.address_towards(self.link.binding.peer))[0]
        except TransportError as error:
            raise Unreachable(str(error)) from None

    # --- channels ---------------------------------------------------------------------------------------

    def code_of(self, channel: int) -> str:
        """The code of a channel. Raises NotFound."""
        code = self.channels.code_of(channel)
        if code is None:
            raise NotFound(f"the device has no channel {channel}", reason="no-such-channel")
        return code

    # --- streams ----------------------------------------------------------------------------------------

    async def open_stream(self, channel: int, stream: str, sink: FrameSink) -> DeviceStream:
        """Have the device send a live stream; returns once it has agreed. Raises CambusError."""
        return await open_live(self, channel, stream, sink)

    # --- errors -----------------------------------------------------------------------------------------

    @staticmethod
    def failed(error: GbError) -> CambusError:
        """What a caller is told of an error."""
        return command_error(error)


def _first(group: BaseExceptionGroup[SessionEnd]) -> SessionEnd:
    """The first reason in a group of them."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, SessionEnd)  # noqa: S101  # the group was split by that type
    return error
