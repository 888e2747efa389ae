"""Commands to media-relay about streams. Generated from the catalog by `make schemas`; not edited by hand."""

from cambus.client.namespace import Commands
from cambus.schemas.commands import media_relay as media_relay_commands


class MediaRelayStreamsCommands(Commands):
    """Commands to media-relay about streams."""

    async def list_(self, *, within_s: float | None = None) -> list[media_relay_commands.StreamsListReply]:
        """List the streams the relays hold.

        The command `media-relay.streams.list`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(media_relay_commands.STREAMS_LIST, within_s)
