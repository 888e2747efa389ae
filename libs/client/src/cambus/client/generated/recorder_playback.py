"""Commands to recorder about playback. Generated from the catalog by `make schemas`; not edited by hand."""

from datetime import datetime
from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import playback as playback_commands
from cambus.schemas.model import Done
from cambus.schemas.spans import TimeRange


class RecorderPlaybackCommands(Commands):
    """Commands to recorder about playback."""

    async def locate(
        self,
        *,
        device: str,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"],
        at: datetime,
        backwards: bool = False,
        within_s: float | None = None,
    ) -> list[playback_commands.PlaybackLocateReply]:
        """Ask the recorders which of them could go on with a playback; those that hold nothing answer
        404.

        The command `recorder.playback.locate`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            device: The device.
            channel: The channel, counted from 0.
            stream: Which recorded stream.
            at: From which instant.
            backwards: False: this or the next one. True: what is before.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(
            playback_commands.PLAYBACK_LOCATE,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            at=at,
            backwards=backwards,
        )

    async def open(
        self,
        *,
        device: str,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        start: datetime,
        end: datetime | None = None,
        speed: float = 1.0,
        on_touch: bool = False,
        claimant: str = "anyone",
        ttl_s: float = 30.0,
        within_s: float | None = None,
    ) -> playback_commands.PlaybackOpenReply:
        """Play what the recorders hold onto the bus.

        The command `recorder.playback.open`.

        Args:
            device: The device; it may be offline, or be gone.
            channel: The channel, counted from 0.
            stream: Which recorded stream.
            start: Where to begin: at the key frame before, or where nothing is recorded at the next
                recording.
            end: Where to end; None for the end of the recordings.
            speed: From 0.25 to 16; negative plays backwards, key frame by key frame.
            on_touch: Begin with the first `playback.touch`, so that whoever watches can be listening
                first.
            claimant: Who watches, for the log.
            ttl_s: Seconds until the session ends unless touched.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            playback_commands.PLAYBACK_OPEN,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            start=start,
            end=end,
            speed=speed,
            on_touch=on_touch,
            claimant=claimant,
            ttl_s=ttl_s,
        )

    async def pause(
        self, *, session: str, within_s: float | None = None
    ) -> list[playback_commands.PlaybackState]:
        """Hold a playback.

        The command `recorder.playback.pause`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            session: The session of `playback.open`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(playback_commands.PLAYBACK_PAUSE, within_s, session=session)

    async def resume(
        self, *, session: str, within_s: float | None = None
    ) -> list[playback_commands.PlaybackState]:
        """Go on with a playback.

        The command `recorder.playback.resume`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            session: The session of `playback.open`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(playback_commands.PLAYBACK_RESUME, within_s, session=session)

    async def seek(
        self, *, session: str, at: datetime, within_s: float | None = None
    ) -> list[playback_commands.PlaybackState]:
        """Go on playing from another instant.

        The command `recorder.playback.seek`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            session: The session of `playback.open`.
            at: From which instant: the key frame before, or the next recording.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(playback_commands.PLAYBACK_SEEK, within_s, session=session, at=at)

    async def speed(
        self, *, session: str, speed: float, within_s: float | None = None
    ) -> list[playback_commands.PlaybackState]:
        """Play faster, slower or backwards.

        The command `recorder.playback.speed`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            session: The session of `playback.open`.
            speed: From 0.25 to 16, all pictures up to 2 and key frames above; negative: backwards.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(playback_commands.PLAYBACK_SPEED, within_s, session=session, speed=speed)

    async def step(
        self, *, session: str, backwards: bool = False, within_s: float | None = None
    ) -> list[playback_commands.PlaybackState]:
        """Hold a playback and show one picture more.

        The command `recorder.playback.step`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            session: The session of `playback.open`.
            backwards: False: the next picture. True: the key frame before.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(
            playback_commands.PLAYBACK_STEP, within_s, session=session, backwards=backwards
        )

    async def stop(self, *, session: str, within_s: float | None = None) -> list[Done]:
        """End a playback.

        The command `recorder.playback.stop`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            session: The session of `playback.open`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(playback_commands.PLAYBACK_STOP, within_s, session=session)

    async def take(
        self,
        *,
        device: str,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        start: datetime,
        end: datetime | None = None,
        speed: float = 1.0,
        on_touch: bool = False,
        claimant: str = "anyone",
        ttl_s: float = 30.0,
        to: str,
        session: str,
        paused: bool = False,
        seq: int = 0,
        pts: int = 0,
        jumped: TimeRange | None = None,
        within_s: float | None = None,
    ) -> list[playback_commands.PlaybackState]:
        """Have one replica go on with a playback; between recorders.

        The command `recorder.playback.take`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            device: The device; it may be offline, or be gone.
            channel: The channel, counted from 0.
            stream: Which recorded stream.
            start: Where to begin: at the key frame before, or where nothing is recorded at the next
                recording.
            end: Where to end; None for the end of the recordings.
            speed: From 0.25 to 16; negative plays backwards, key frame by key frame.
            on_touch: Begin with the first `playback.touch`, so that whoever watches can be listening
                first.
            claimant: Who watches, for the log.
            ttl_s: Seconds until the session ends unless touched.
            to: Who is to play; the others say 404.
            session: The session, kept.
            paused: Whether it is held.
            seq: Number of the next frame.
            pts: The time stamp to go on with, in ticks of 90 kHz.
            jumped: See `PlaybackState`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(
            playback_commands.PLAYBACK_TAKE,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            start=start,
            end=end,
            speed=speed,
            on_touch=on_touch,
            claimant=claimant,
            ttl_s=ttl_s,
            to=to,
            session=session,
            paused=paused,
            seq=seq,
            pts=pts,
            jumped=jumped,
        )

    async def touch(
        self, *, session: str, within_s: float | None = None
    ) -> list[playback_commands.PlaybackState]:
        """Keep a playback from lapsing, and ask how it is.

        The command `recorder.playback.touch`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            session: The session of `playback.open`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(playback_commands.PLAYBACK_TOUCH, within_s, session=session)
