"""Commands to a device about snapshot. Generated from the catalog by `make schemas`; not edited by hand."""

from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import snapshot as snapshot_commands
from cambus.schemas.objects import PictureRef


class SnapshotCommands(Commands):
    """Commands to a device about snapshot."""

    async def series(
        self, *, channel: int, count: int = 3, interval_s: int = 1, within_s: float | None = None
    ) -> snapshot_commands.SnapshotSeriesReply:
        """Have the device take several pictures and put them into the object store.

        The command `snapshot.series`.

        Args:
            channel: The channel, counted from 0.
            count: How many pictures.
            interval_s: Seconds between two of them.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            snapshot_commands.SERIES, within_s, channel=channel, count=count, interval_s=interval_s
        )

    async def take(
        self,
        *,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        width: int | None = None,
        cause: Literal["command", "alarm", "schedule"] = "command",
        alarm: str | None = None,
        within_s: float | None = None,
    ) -> PictureRef:
        """Take a still picture and put it into the object store.

        The command `snapshot.take`.

        Args:
            channel: The channel, counted from 0.
            stream: The encoder to take it from, where the device has a choice.
            width: Wanted width in pixels, the height follows; None for full size.
            cause: Why, for the event that tells of it.
            alarm: The alarm it belongs to, for the same.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            snapshot_commands.TAKE,
            within_s,
            channel=channel,
            stream=stream,
            width=width,
            cause=cause,
            alarm=alarm,
        )
