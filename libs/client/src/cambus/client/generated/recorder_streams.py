"""Commands to recorder about streams. Generated from the catalog by `make schemas`; not edited by hand."""

from cambus.client.namespace import Commands
from cambus.schemas.commands import recorder_streams as recorder_streams_commands


class RecorderStreamsCommands(Commands):
    """Commands to recorder about streams."""

    async def list_(
        self, *, within_s: float | None = None
    ) -> list[recorder_streams_commands.RecorderStreamsReply]:
        """List what the recorders have in hand, and how full their disks are.

        The command `recorder.streams.list`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(recorder_streams_commands.STREAMS_LIST, within_s)
