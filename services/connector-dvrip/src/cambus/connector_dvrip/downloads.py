"""Recordings of the device, fetched onto the bus: read by whoever asked, at the pace of reading.

A transfer is fed straight from the device's data connection. Its window is all that is in memory; when that is full
the connection is not read, and the device waits (DVRIP §10.1: reading slowly is the throttle).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cambus.bus.transfer_sender import TransferAbandonedError, TransferSender
from cambus.connector import session_tasks
from cambus.connector_dvrip.mp4_writer import Mp4Writer
from cambus.connector_dvrip.throttle import Throttle
from cambus.connector_dvrip.walk import Clip
from cambus.dvrip.errors import DeviceError, DvripError
from cambus.dvrip.playback import Outcome, Playback
from cambus.schemas.commands.recording import DownloadFormat
from cambus.schemas.errors import CambusError
from cambus.schemas.ids import new_ulid
from cambus.schemas.transfer import TransferOutcome, TransferResume

if TYPE_CHECKING:
    from cambus.connector_dvrip.session import DvripSession


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched.

    Attributes:
        channel: counted from 0.
        clips: the recordings, in order; at least one.
        stream: 0 main, 1 extra.
        form: what the bytes are to be.
        resume: what the reader has already.
    """

    channel: int
    clips: Sequence[Clip]
    stream: int
    form: DownloadFormat
    resume: TransferResume | None = None

    @property
    def bytes(self) -> int | None:
        """About how many bytes it will be; None if a size is missing."""
        sizes = [clip.length_kib for clip in self.clips]
        return sum(sizes) * 1024 if all(sizes) else None


class Download:
    """One download under way.

    Args:
        session: the device's session.
        playback: of the protocol library, started with the first clip.
        wanted: what is fetched.
        sender: where the bytes go; open.
    """

    def __init__(
        self, session: "DvripSession", playback: Playback, wanted: Wanted, sender: TransferSender
    ) -> None:
        self._session = session
        self._playback = playback
        self._wanted = wanted
        self._sender = sender
        self._whole = True
        self._outcome = "abandoned"
        self._throttle = Throttle(session.device.download_rate_bytes_s)
        self._mp4 = Mp4Writer(session.zone) if wanted.form is DownloadFormat.MP4 else None

    async def fetch(self) -> None:
        """Fetch everything, and leave the device alone."""
        try:
            await self._fetch_all()
            self._outcome = "complete" if self._whole else "truncated"
        except TransferAbandonedError:
            self._session.log.info("download abandoned by its reader")
        except DvripError as error:
            self._outcome = "interrupted"
            self._session.log.info("download broke off", extra={"reason": str(error)})
            reason = (await self._session.failed(error)).reason
            self._sender.finish(TransferOutcome.INTERRUPTED, reason, str(error))
        except CambusError as error:
            self._outcome = "refused"
            self._session.log.info("download refused", extra={"reason": error.reason})
            self._sender.fail(error)
        finally:
            self._session.device.metrics.download(self._outcome, self._sender.bytes_written)
            await self._playback.close()

    async def _fetch_all(self) -> None:
        for index, clip in enumerate(self._wanted.clips):
            offset = self._sender.bytes_written
            try:
                if index:
                    target = clip.target(self._playback.target.channel, self._wanted.stream)
                    await self._playback.restart(target, clip.length_kib)
                complete = await self._fetch_clip(clip)
            except DeviceError as error:  # it was overwritten meanwhile: the others are still wanted
                self._session.log.info("recording not given", extra={"reason": str(error)})
                complete = False
            self._whole = self._whole and complete
            outcome = TransferOutcome.COMPLETE if complete else TransferOutcome.TRUNCATED
            self._sender.end_part(clip.file_name, offset, outcome)
        if self._mp4 is not None:
            await self._sender.write(self._mp4.finish())
        if self._whole:
            self._sender.finish(TransferOutcome.COMPLETE)
        else:
            text = "the device stopped sending before the announced end; `parts` says of which recording"
            self._sender.finish(TransferOutcome.TRUNCATED, "device-stopped", text)

    async def _fetch_clip(self, clip: Clip) -> bool:
        """Fetch one recording; whether all of it came."""
        playback, cutter = self._playback, clip.cutter()
        async for piece in playback.raw():
            await self._write(cutter.feed(piece))
            await self._throttle.spend(len(piece))
            if cutter.ended:
                await playback.stop()
                break
        await self._write(cutter.finish())
        return cutter.ended or playback.outcome is Outcome.COMPLETE

    async def _write(self, data: bytes) -> None:
        if self._mp4 is not None:
            data = self._mp4.feed(data)
        if data:
            await self._sender.write(data)


class Downloads(session_tasks.Downloads):
    """The downloads of one session.

    Args:
        session: the device's session.
    """

    def __init__(self, session: "DvripSession") -> None:
        super().__init__()
        self._session = session

    async def start(self, wanted: Wanted) -> tuple[str, str]:
        """Begin a download; return its session and the subject to read it from.

        Raises:
            Conflict: another one is under way.
            DvripError: the device refused the first recording.
        """
        session, first, name = self._session, wanted.clips[0], f"dl-{new_ulid()}"
        session.slot.take(name, "a download")
        try:
            playback = await session.client.open_playback(
                wanted.channel,
                first.file_name,
                begin=first.begin,
                end=first.end,
                stream=wanted.stream,
                expected_kib=first.length_kib,
                download=True,
                raw=True,
            )
            sender = TransferSender(session.device.context.bus, name, resume=wanted.resume)
            download = Download(session, playback, wanted, sender)
            try:
                await sender.open()
            except BaseException:
                await playback.close()
                raise
        except BaseException:
            session.slot.release(name)
            raise
        self.run(name, sender, download.fetch, lambda: session.slot.release(name))
        return name, sender.subject
