"""Commands to a device about recording. Generated from the catalog by `make schemas`; not edited by hand."""

from datetime import datetime
from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import recording as recording_commands
from cambus.schemas.model import Done
from cambus.schemas.transfer import TransferResume


class RecordingCommands(Commands):
    """Commands to a device about recording."""

    async def calendar(
        self, *, channel: int, year: int, month: int, within_s: float | None = None
    ) -> recording_commands.RecordingCalendarReply:
        """List the days with recordings.

        The command `recording.calendar`.

        Args:
            channel: The channel, counted from 0.
            year: The year, by the device's clock.
            month: The month, from 1.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            recording_commands.CALENDAR, within_s, channel=channel, year=year, month=month
        )

    async def download(
        self,
        *,
        channel: int,
        recording: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        format: recording_commands.DownloadFormat = recording_commands.DownloadFormat.NATIVE,
        resume: TransferResume | None = None,
        within_s: float | None = None,
    ) -> recording_commands.RecordingDownloadReply:
        """Fetch a recording from the device.

        The command `recording.download`.

        Args:
            channel: The channel, counted from 0.
            recording: A recording by its id; None to fetch by time.
            start: From when; needed without a recording.
            end: Until when; needed without a recording.
            stream: Which encoder, where both were recorded.
            format: `native`: the bytes as the device gives them. `mp4`: the same pictures and sound as
                fragmented MP4, nothing re-encoded.
            resume: What an earlier download of the same left. Devices can not begin in the middle of a
                recording, so all of it is fetched again; what is there already is compared instead of
                being sent.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            recording_commands.DOWNLOAD,
            within_s,
            channel=channel,
            recording=recording,
            start=start,
            end=end,
            stream=stream,
            format=format,
            resume=resume,
        )

    async def find(
        self,
        *,
        channel: int,
        start: datetime,
        end: datetime,
        stream: Literal["main", "sub", "third", "fourth"] | None = None,
        event: recording_commands.RecordingCause | None = None,
        kind: Literal["video", "picture"] = "video",
        everywhere: bool = False,
        limit: int = 500,
        cursor: str | None = None,
        within_s: float | None = None,
    ) -> recording_commands.RecordingFindReply:
        """Search the recordings on the device.

        The command `recording.find`.

        Args:
            channel: The channel, counted from 0.
            start: First instant of interest.
            end: First instant no longer of interest.
            stream: Which encoder; None for the main one.
            event: Why it was recorded; None for any cause.
            kind: Moving or still.
            everywhere: Search every storage the device knows of, such as that of its platform, and not
                only its own; a device that has no other finds the same.
            limit: At most this many recordings.
            cursor: From the previous page; None for the first.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            recording_commands.FIND,
            within_s,
            channel=channel,
            start=start,
            end=end,
            stream=stream,
            event=event,
            kind=kind,
            everywhere=everywhere,
            limit=limit,
            cursor=cursor,
        )

    async def lock(self, *, recording: str, within_s: float | None = None) -> Done:
        """Keep a recording from being overwritten.

        The command `recording.lock`.

        Args:
            recording: The recording.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(recording_commands.LOCK, within_s, recording=recording)

    async def manual(
        self,
        *,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        on: bool,
        within_s: float | None = None,
    ) -> Done:
        """Make the device record now.

        The command `recording.manual`.

        Args:
            channel: The channel, counted from 0.
            stream: Which encoder.
            on: True to record, false to go back to the device's own schedule.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(recording_commands.MANUAL, within_s, channel=channel, stream=stream, on=on)

    async def pause(self, *, session: str, within_s: float | None = None) -> Done:
        """Pause a playback.

        The command `recording.pause`.

        Args:
            session: The session of `recording.play`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(recording_commands.PAUSE, within_s, session=session)

    async def play(
        self,
        *,
        channel: int,
        recording: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        speed: float = 1.0,
        on_touch: bool = False,
        claimant: str = "anyone",
        ttl_s: float = 30.0,
        within_s: float | None = None,
    ) -> recording_commands.RecordingPlayReply:
        """Play a recording onto the bus.

        The command `recording.play`.

        Args:
            channel: The channel, counted from 0.
            recording: A recording by its id; None to play by time.
            start: Where to begin; needed without a recording.
            end: Where to end; needed without a recording.
            stream: Which encoder, where both were recorded.
            speed: Speed, 1 is as it was; negative plays backwards.
            on_touch: Begin with the first `recording.touch`, so that whoever watches can be listening
                first.
            claimant: Who watches, for the log.
            ttl_s: Seconds until the session ends unless touched.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            recording_commands.PLAY,
            within_s,
            channel=channel,
            recording=recording,
            start=start,
            end=end,
            stream=stream,
            speed=speed,
            on_touch=on_touch,
            claimant=claimant,
            ttl_s=ttl_s,
        )

    async def resume(self, *, session: str, within_s: float | None = None) -> Done:
        """Go on with a playback.

        The command `recording.resume`.

        Args:
            session: The session of `recording.play`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(recording_commands.RESUME, within_s, session=session)

    async def seek(self, *, session: str, at: datetime, within_s: float | None = None) -> Done:
        """Play from another instant.

        The command `recording.seek`.

        Args:
            session: The session of `recording.play`.
            at: From which instant.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(recording_commands.SEEK, within_s, session=session, at=at)

    async def speed(
        self,
        *,
        session: str,
        speed: float,
        at: datetime | None = None,
        until: datetime | None = None,
        within_s: float | None = None,
    ) -> recording_commands.RecordingSpeedReply:
        """Play faster or slower.

        The command `recording.speed`.

        Args:
            session: The session of `recording.play`.
            speed: Speed, 1 is as it was; negative plays backwards.
            at: Backwards: from which instant; None for where it is. Else use `recording.seek`.
            until: Backwards: to which earlier instant; None for the begin of what is played.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            recording_commands.SPEED, within_s, session=session, speed=speed, at=at, until=until
        )

    async def stop(self, *, session: str, within_s: float | None = None) -> Done:
        """End a playback or a download.

        The command `recording.stop`.

        Args:
            session: The session of `recording.play`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(recording_commands.STOP, within_s, session=session)

    async def touch(self, *, session: str, within_s: float | None = None) -> Done:
        """Keep a playback from lapsing.

        The command `recording.touch`.

        Args:
            session: The session of `recording.play`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(recording_commands.TOUCH, within_s, session=session)

    async def unlock(self, *, recording: str, within_s: float | None = None) -> Done:
        """Let a recording be overwritten again.

        The command `recording.unlock`.

        Args:
            recording: The recording.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(recording_commands.UNLOCK, within_s, recording=recording)
