"""Commands to recorder about export. Generated from the catalog by `make schemas`; not edited by hand."""

from datetime import datetime
from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import recorder_export as recorder_export_commands
from cambus.schemas.model import Done
from cambus.schemas.spans import TimeRange


class RecorderExportCommands(Commands):
    """Commands to recorder about export."""

    async def begin(
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
    ) -> recorder_export_commands.ExportState:
        """Have the recorder that holds most of a span of time prepare one MP4 of what all of them hold.

        The command `recorder.export.begin`.

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
        return await self._call(
            recorder_export_commands.EXPORT_BEGIN,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            start=start,
            end=end,
            gaps=gaps,
            container=container,
        )

    async def cancel(self, *, export: str, within_s: float | None = None) -> list[Done]:
        """Give an export up, or no longer hand it out.

        The command `recorder.export.cancel`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            export: The export of `export.begin`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(recorder_export_commands.EXPORT_CANCEL, within_s, export=export)

    async def lend(
        self,
        *,
        to: str,
        device: str,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"],
        spans: list[TimeRange],
        within_s: float | None = None,
    ) -> list[recorder_export_commands.ExportLendReply]:
        """Have one replica send its part of an export; between recorders.

        The command `recorder.export.lend`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            to: Who is to send it; the others say 404.
            device: The device.
            channel: The channel, counted from 0.
            stream: Which stream.
            spans: What is wanted, by time.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(
            recorder_export_commands.EXPORT_LEND,
            within_s,
            to=to,
            device=device,
            channel=channel,
            stream=stream,
            spans=spans,
        )

    async def prepare(
        self,
        *,
        device: str,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        start: datetime,
        end: datetime,
        gaps: Literal["keep", "close"] = "keep",
        container: Literal["mp4", "ts"] = "mp4",
        to: str,
        export: str,
        within_s: float | None = None,
    ) -> list[recorder_export_commands.ExportState]:
        """Have one replica prepare an export; between recorders.

        The command `recorder.export.prepare`.
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
            to: Who is to prepare it; the others say 404.
            export: What it is to be called.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(
            recorder_export_commands.EXPORT_PREPARE,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            start=start,
            end=end,
            gaps=gaps,
            container=container,
            to=to,
            export=export,
        )

    async def status(
        self, *, export: str, within_s: float | None = None
    ) -> list[recorder_export_commands.ExportState]:
        """Ask how an export is.

        The command `recorder.export.status`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            export: The export of `export.begin`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(recorder_export_commands.EXPORT_STATUS, within_s, export=export)
