"""Commands to recorder about recording. Generated from the catalog by `make schemas`; not edited by hand."""

from datetime import datetime
from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import recorder as recorder_commands
from cambus.schemas.commands import recorder_copies as recorder_copies_commands
from cambus.schemas.commands import recorder_locks as recorder_locks_commands
from cambus.schemas.commands import recorder_streams as recorder_streams_commands
from cambus.schemas.model import Done
from cambus.schemas.state.recorders import ManualRecording


class RecorderRecordingCommands(Commands):
    """Commands to recorder about recording."""

    async def copies(
        self,
        *,
        device: str,
        channel: int | None = None,
        stream: str | None = None,
        start: datetime,
        end: datetime,
        limit: int = 500,
        within_s: float | None = None,
    ) -> list[recorder_copies_commands.RecordingCopiesReply]:
        """Ask each recorder which of its recordings are copied to the object storage, and where they
        are.

        The command `recorder.recording.copies`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            device: The device.
            channel: The channel, counted from 0; None for every channel.
            stream: Which stream; None for any.
            start: First instant of interest.
            end: First instant no longer of interest.
            limit: At most so many segments, the first by time.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(
            recorder_copies_commands.RECORDING_COPIES,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            start=start,
            end=end,
            limit=limit,
        )

    async def export(
        self,
        *,
        device: str,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        start: datetime,
        end: datetime,
        gaps: Literal["keep", "close"] = "keep",
        container: Literal["mp4", "ts"] = "mp4",
        within_s: float | None = None,
    ) -> list[recorder_commands.ExportRef]:
        """Get one MP4 of what a replica itself holds of a span of time, of each; those that hold
        nothing answer 404. `export.begin` makes one of all.

        The command `recorder.recording.export`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            device: The device.
            channel: The channel, counted from 0.
            stream: Which stream.
            start: From when; it begins at the key frame before.
            end: Until when.
            gaps: What becomes of times without recordings: the picture stands still for as long, or
                they are left out. Six hours and more are always left out.
            container: MP4 with its index in front, or MPEG-TS with its sound as AAC.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(
            recorder_commands.RECORDING_EXPORT,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            start=start,
            end=end,
            gaps=gaps,
            container=container,
        )

    async def find(
        self,
        *,
        device: str,
        channel: int | None = None,
        stream: str | None = None,
        start: datetime,
        end: datetime,
        limit: int = 5000,
        within_s: float | None = None,
    ) -> list[recorder_commands.RecordedFindReply]:
        """Ask each recorder what it holds; `recording.search` makes one answer of it.

        The command `recorder.recording.find`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            device: The device.
            channel: The channel, counted from 0; None for every channel.
            stream: Which stream; None for any.
            start: First instant of interest.
            end: First instant no longer of interest.
            limit: At most about so many spans, and so many gaps.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(
            recorder_commands.RECORDING_FIND,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            start=start,
            end=end,
            limit=limit,
        )

    async def lock(
        self,
        *,
        device: str,
        channel: int | None = None,
        stream: str | None = None,
        start: datetime,
        end: datetime,
        segment: str | None = None,
        within_s: float | None = None,
    ) -> list[recorder_locks_commands.RecordedLockReply]:
        """Keep recordings: they are never too old or too many, and go last when the disk is full.

        The command `recorder.recording.lock`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            device: The device.
            channel: The channel, counted from 0; None for every channel.
            stream: Which stream; None for any.
            start: First instant of interest.
            end: First instant no longer of interest.
            segment: Only this segment, as `recording.closed` names it.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(
            recorder_locks_commands.RECORDING_LOCK,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            start=start,
            end=end,
            segment=segment,
        )

    async def search(
        self,
        *,
        device: str,
        channel: int | None = None,
        stream: str | None = None,
        start: datetime,
        end: datetime,
        alarms: bool = True,
        limit: int = 500,
        cursor: datetime | None = None,
        within_s: float | None = None,
    ) -> recorder_commands.RecordingSearchReply:
        """Search what all recorders hold, and the alarms in that time, in one answer.

        The command `recorder.recording.search`.

        Args:
            device: The device.
            channel: The channel, counted from 0; None for every channel.
            stream: Which stream; None for any.
            start: First instant of interest.
            end: First instant no longer of interest.
            alarms: Whether the alarms in that time are wanted too.
            limit: At most so many spans, gaps and alarms together; a few more where several begin at
                one instant.
            cursor: From the previous page; None for the first.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            recorder_commands.RECORDING_SEARCH,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            start=start,
            end=end,
            alarms=alarms,
            limit=limit,
            cursor=cursor,
        )

    async def start(
        self,
        *,
        device: str,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        claimant: str,
        duration_s: float = 600.0,
        pre_roll_s: float = 0.0,
        within_s: float | None = None,
    ) -> ManualRecording:
        """Record a stream for a while, by hand.

        The command `recorder.recording.start`.

        Args:
            device: The device.
            channel: The channel, counted from 0.
            stream: Which stream.
            claimant: Who wants it; the same name again sets a new end.
            duration_s: For how many seconds from now.
            pre_roll_s: And so many seconds from before, as far as a policy with a pre-roll has the
                recorder keep them.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            recorder_streams_commands.RECORDING_START,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            claimant=claimant,
            duration_s=duration_s,
            pre_roll_s=pre_roll_s,
        )

    async def stop(
        self,
        *,
        device: str,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        claimant: str,
        within_s: float | None = None,
    ) -> Done:
        """End such a recording early.

        The command `recorder.recording.stop`.

        Args:
            device: The device.
            channel: The channel, counted from 0.
            stream: Which stream.
            claimant: Whose wish.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            recorder_streams_commands.RECORDING_STOP,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            claimant=claimant,
        )

    async def unlock(
        self,
        *,
        device: str,
        channel: int | None = None,
        stream: str | None = None,
        start: datetime,
        end: datetime,
        segment: str | None = None,
        within_s: float | None = None,
    ) -> list[recorder_locks_commands.RecordedLockReply]:
        """Let recordings go when their time has come.

        The command `recorder.recording.unlock`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            device: The device.
            channel: The channel, counted from 0; None for every channel.
            stream: Which stream; None for any.
            start: First instant of interest.
            end: First instant no longer of interest.
            segment: Only this segment, as `recording.closed` names it.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(
            recorder_locks_commands.RECORDING_UNLOCK,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            start=start,
            end=end,
            segment=segment,
        )
