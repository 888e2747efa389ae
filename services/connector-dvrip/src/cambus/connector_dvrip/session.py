"""One login on one DVRIP device."""

import asyncio
import logging
from collections.abc import MutableMapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cambus.connector.download_slot import DownloadSlot
from cambus.connector.driver import DeviceDescription, DeviceStream, FrameSink
from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector.serial import SerialPorts
from cambus.connector.talk import Talks
from cambus.connector.taps import KeyframeTaps
from cambus.connector_dvrip.client import MeteredClient
from cambus.connector_dvrip.clock import DeviceZone
from cambus.connector_dvrip.downloads import Downloads
from cambus.connector_dvrip.mapping.device import Facts, description_of
from cambus.connector_dvrip.mapping.errors import command_error, end_of_session
from cambus.connector_dvrip.motion import Motions
from cambus.connector_dvrip.playbacks import Playbacks
from cambus.connector_dvrip.stream import DvripStream
from cambus.connector_dvrip.survey import Clock
from cambus.connector_dvrip.watch import SessionWatch
from cambus.dvrip.codes import SESSION_LOST
from cambus.dvrip.errors import AuthError, ConnectionLimit, DvripError
from cambus.dvrip.events import EventStream
from cambus.dvrip.messages.monitor import Stream
from cambus.schemas.errors import CambusError, NotFound

if TYPE_CHECKING:
    from cambus.connector_dvrip.device import DvripDevice

STREAMS: Final = {"main": Stream.MAIN, "sub": Stream.EXTRA1, "third": Stream.EXTRA2}
LOGOUT_S: Final = 1.0
RESTART_S: Final = 10.0
"""How long a device that was told to restart may take to hang up."""


class DvripSession:
    """A session that is up.

    Args:
        device: whose session.
        client: logged in.
        facts: what the device said it is.
        clock: what its clock showed.
        alarms: its reports; None if none are wanted.

    Attributes:
        motions: the movements of its cameras.
        taps: hands out keyframes of its streams.
        playbacks: the recordings it plays.
        downloads: the recordings it gives.
        slot: one download at a time.
        talks: who talks through it.
        serial: the serial ports that are open.
        armed: whether it reports alarms.
        surveyed_at: when the facts were asked for, loop time.
        snapshot_turn: one picture at a time.
    """

    def __init__(
        self,
        device: "DvripDevice",
        client: MeteredClient,
        facts: Facts,
        clock: Clock,
        alarms: EventStream | None,
    ) -> None:
        self.device = device
        self.client = client
        self.facts = facts
        self.zone: DeviceZone = clock.zone
        self.armed = alarms is not None
        self.surveyed_at = asyncio.get_running_loop().time()
        self.motions = Motions(device.id, client.ptz)
        self.taps = KeyframeTaps()
        self.slot = DownloadSlot()
        self.playbacks = Playbacks(self)
        self.downloads = Downloads(self)
        self.talks = Talks(device.context)
        self.serial = SerialPorts(device.context)
        self.snapshot_turn = asyncio.Lock()
        self.log: logging.LoggerAdapter[logging.Logger] = _DeviceLog(
            logging.getLogger(__name__), {"device": device.id}
        )
        self._description = description_of(facts, clock.zone)
        self._alarms = alarms
        self._watch = SessionWatch(self, clock)
        self._ended: asyncio.Future[SessionEnd] = asyncio.get_running_loop().create_future()
        self._restart_text: str | None = None
        self._closed = False

    @property
    def description(self) -> DeviceDescription:
        """What the device is."""
        return self._description

    def learn(self, facts: Facts) -> None:
        """The device said something new about itself."""
        self.facts = facts
        description = description_of(facts, self.zone)
        if description != self._description:
            self._description = description
            self.device.context.hooks.described()

    # --- life -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the session until the device, the network or somebody here ends it."""
        self.client.control.closed.add_done_callback(self._on_closed)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch.run())
                if self._alarms is not None:
                    tasks.create_task(self.device.pump.follow(self._alarms))
                raise await asyncio.shield(self._ended)
        except* SessionEnd as ends:
            raise _first(ends) from None

    def end(self, reason: EndReason, text: str) -> None:
        """End the session for a reason of ours: the device was told to restart, it forgot the session."""
        if not self._ended.done():
            self._ended.set_result(SessionEnd(reason, text))

    def restarting(self, text: str) -> None:
        """The device was told to go down: its hanging up is no loss, and if it does not, we do."""
        self._restart_text = text
        asyncio.get_running_loop().call_later(RESTART_S, self.end, EndReason.REBOOTING, text)

    async def close(self) -> None:
        """Stop what moves and plays, log out, close."""
        if self._closed:
            return
        self._closed = True
        self.device.session_closed(self)
        if self._alarms is not None:
            self._alarms.close()
        if self.client.is_online:
            await self.motions.close()
        await asyncio.gather(
            self.playbacks.close(), self.downloads.close(), self.talks.close(), self.serial.close()
        )
        self.client.count_session()
        try:
            async with asyncio.timeout(LOGOUT_S):
                await self.client.close()
        except (TimeoutError, DvripError):
            await self._cut()

    async def _cut(self) -> None:
        try:
            await self.client.control.close()
        except DvripError as error:
            self.log.debug("connection not closed", extra={"reason": str(error)})

    def _on_closed(self, closed: "asyncio.Future[DvripError | None]") -> None:
        if self._restart_text is not None:
            self.end(EndReason.REBOOTING, self._restart_text)
        elif not self._ended.done():
            self._ended.set_result(end_of_session(closed.result()))

    # --- streams ----------------------------------------------------------------------------------------

    async def open_stream(self, channel: int, stream: str, sink: FrameSink) -> DeviceStream:
        """Have the device send a live stream; returns once media comes.

        Raises:
            CambusError: it has no such stream, the channel is offline, no connection is left …
        """
        wire = self.wire_stream(stream)
        try:
            live = await self.client.open_live(channel, wire)
        except DvripError as error:
            self.device.topology_failed()
            raise await self.failed(error) from error
        self.device.topology_works(self.client.topology)
        return DvripStream(self, channel, stream, live, sink)

    @staticmethod
    def wire_stream(stream: str) -> Stream:
        """Return the device's name of a stream.

        Raises:
            NotFound: DVRIP has no such stream.
        """
        wire = STREAMS.get(stream)
        if wire is None:
            raise NotFound(f"DVRIP devices have no stream {stream}", reason="no-such-stream")
        return wire

    # --- errors -----------------------------------------------------------------------------------------

    async def failed(self, error: DvripError) -> CambusError:
        """Return what a caller is told of an error; what concerns the session as a whole is acted upon."""
        self.client.count_error(error)
        if isinstance(error, AuthError) and error.code in SESSION_LOST:
            self.end(EndReason.SESSION_EXPIRED, "the device forgot the session")
        if isinstance(error, ConnectionLimit):
            await self.device.connection_limit(str(error))
        return command_error(error)

    # --- clock ------------------------------------------------------------------------------------------

    def now_local(self) -> datetime:
        """What the device's clock should show now."""
        return self.zone.to_local(datetime.now(UTC)).replace(microsecond=0)

    def titled(self, titles: list[str]) -> None:
        """The titles of the channels were written or read anew."""
        self.learn(replace(self.facts, titles=titles))


class _DeviceLog(logging.LoggerAdapter[logging.Logger]):
    """Adds the device to every line."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Merge the fields of the line with ours."""
        kwargs["extra"] = {**(self.extra or {}), **kwargs.get("extra", {})}
        return msg, kwargs


def _first(group: BaseExceptionGroup[SessionEnd]) -> SessionEnd:
    """The first reason in a group of them."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, SessionEnd)  # noqa: S101  # the group was split by that type
    return error
