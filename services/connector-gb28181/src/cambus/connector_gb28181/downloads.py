"""Recordings of the device, fetched onto the bus: read by whoever asked, at the pace of reading (§8.4, GB-129).

What comes over TCP is read no faster than it is wanted, and the device waits. What comes over UDP can not be held back:
a reader that is slower than the device loses the download.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cambus.bus.transfer_sender import TransferAbandonedError, TransferSender
from cambus.connector import session_tasks
from cambus.connector.ending import end
from cambus.connector_gb28181.mapping.recordings import Span
from cambus.connector_gb28181.ordering import download_speeds, open_media, order_of
from cambus.connector_gb28181.program_file import Mp4File, ProgramFile, RecordingFile
from cambus.connector_gb28181.unit_queue import UnitQueue
from cambus.gb28181.errors import GbError, MediaError
from cambus.gb28181.media_session import MediaSession
from cambus.gb28181.sdp import Purpose
from cambus.media.mpegps import StreamUnit
from cambus.schemas.commands.recording import DownloadFormat
from cambus.schemas.errors import CambusError
from cambus.schemas.ids import StreamName, new_ulid
from cambus.schemas.transfer import TransferOutcome, TransferResume

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

HOLD_BYTES: Final = 4 << 20
"""So much received and not written yet, and the device is held back."""
MOST_BYTES: Final = 64 << 20
MOST_UNITS: Final = 65_536
QUIET_S: Final = 0.3
"""What a device sent before it said that it is over has come when nothing more comes for so long."""
ALMOST_ALL: Final = 0.97


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched.

    Attributes:
        channel: counted from 0.
        stream: as the bus calls it.
        span: from when, until when.
        form: what the bytes are to be.
        resume: what the reader has already.
    """

    channel: int
    stream: StreamName
    span: Span
    form: DownloadFormat
    resume: TransferResume | None = None


class HeldQueue(UnitQueue):
    """Units of a download; beyond a mark the device is held back."""

    def __init__(self) -> None:
        super().__init__(MOST_UNITS, MOST_BYTES)
        self.media: MediaSession | None = None

    def put(self, units: list[StreamUnit]) -> None:
        """Take what has come."""
        super().put(units)
        if self.bytes > HOLD_BYTES and self.media is not None and not self.media.media.held:
            self.media.hold(held=True)

    async def get(self) -> StreamUnit:
        """The next unit; below half of the mark the device may go on."""
        unit = await super().get()
        if self.media is not None and self.media.media.held and self.bytes <= HOLD_BYTES // 2:
            self.media.hold(held=False)
        return unit


class Download:
    """One download under way.

    Args:
        session: the device's session.
        wanted: what is fetched.
        media: its media session.
        units: what has come of it.
        sender: where the bytes go; open.
    """

    def __init__(
        self,
        session: "GbSession",
        wanted: Wanted,
        media: MediaSession,
        units: HeldQueue,
        sender: TransferSender,
    ) -> None:
        self._session = session
        self._wanted = wanted
        self._media = media
        self._units = units
        self._sender = sender
        self._file: RecordingFile = Mp4File() if wanted.form is DownloadFormat.MP4 else ProgramFile()

    async def fetch(self) -> None:
        """Fetch everything, and leave the device alone."""
        extra = {"device": self._session.device.id}
        try:
            await self._fetch()
        except TransferAbandonedError:
            logger.info("download abandoned by its reader", extra=extra)
        except CambusError as error:
            logger.info("download refused", extra={**extra, "reason": error.reason})
            self._sender.fail(error)
        finally:
            await self._media.close()

    async def _fetch(self) -> None:
        pump = asyncio.create_task(self._pump(), name=f"download {self._session.device.id}")
        over = asyncio.create_task(self._media.run(), name=f"media {self._session.device.id}")
        try:
            await asyncio.wait({pump, over}, return_when=asyncio.FIRST_COMPLETED)
            if not pump.done():
                await self._drain(pump)
            if pump.done():  # it writes for ever, unless something goes wrong
                await pump
            error = over.exception()
        finally:
            await end(pump, over)
        if error is not None and not isinstance(error, GbError):
            raise error
        await self._sender.write(self._file.finish())
        self._close(error)

    def _close(self, error: GbError | None) -> None:
        """Say how it ended: whole, cut short by the device, or broken off."""
        outcome, reason, text = TransferOutcome.COMPLETE, None, ""
        if self._units.dropped:
            outcome, reason = TransferOutcome.INTERRUPTED, "reader-too-slow"
            text = "the device sent faster than this was read; over TCP it can be held back"
        elif isinstance(error, MediaError) and error.reason in {"incomplete", "no-media"}:
            if self._media.progress < ALMOST_ALL:
                outcome, reason, text = TransferOutcome.TRUNCATED, error.reason, error.text
        elif error is not None:
            reason = self._session.failed(error).reason
            outcome, text = TransferOutcome.INTERRUPTED, error.text
        if outcome is not TransferOutcome.COMPLETE:
            extra = {"device": self._session.device.id, "reason": text}
            logger.info("a download is not complete", extra=extra)
        if outcome is not TransferOutcome.INTERRUPTED:
            self._sender.end_part(self._wanted.span.name, 0, outcome)
        self._sender.finish(outcome, reason, text)

    async def _pump(self) -> None:
        while True:
            data = self._file.feed(await self._units.get())
            if data:
                await self._sender.write(data)

    async def _drain(self, pump: asyncio.Task[None]) -> None:
        """Let what came before the end be written, and what a device that was held back has still to send."""
        loop = asyncio.get_running_loop()
        quiet_since = loop.time()
        while not pump.done() and loop.time() - quiet_since <= QUIET_S:
            came_at = self._media.media.last_at or 0.0
            if len(self._units) or self._media.media.held:
                quiet_since = loop.time()
            quiet_since = max(quiet_since, came_at)
            await asyncio.wait({pump}, timeout=QUIET_S / 10)


class Downloads(session_tasks.Downloads):
    """The downloads of one session.

    Args:
        session: the device's session.
    """

    def __init__(self, session: "GbSession") -> None:
        super().__init__()
        self._session = session

    async def start(self, wanted: Wanted) -> tuple[str, str, int | None, str]:
        """Begin a download; return its session, the subject to read it from, and its size if the device says so.

        Raises:
            Conflict: another one is under way.
            CambusError: the device refused.
        """
        session, name = self._session, f"dl-{new_ulid()}"
        session.slot.take(name, "a download")
        try:
            return await self._start(name, wanted)
        except BaseException:
            session.slot.release(name)
            raise

    async def _start(self, name: str, wanted: Wanted) -> tuple[str, str, int | None, str]:
        session, units = self._session, HeldQueue()
        order = order_of(
            session,
            wanted.channel,
            wanted.stream,
            Purpose.DOWNLOAD,
            start=wanted.span.start,
            end=wanted.span.end,
            source_type=wanted.span.source_type,
            download_speed=session.device.options.download_speed,
            download_speeds=download_speeds(session, wanted.channel),
        )
        sender = TransferSender(session.device.context.bus, name, resume=wanted.resume)
        media = await open_media(session, order, units.put)
        units.media = media
        try:
            await sender.open()
        except BaseException:
            await media.close()
            raise
        download = Download(session, wanted, media, units, sender)
        self.run(name, sender, download.fetch, lambda: session.slot.release(name))
        return name, sender.subject, media.file_size, "-".join(media.route)
