"""Commands to media-relay about live. Generated from the catalog by `make schemas`; not edited by hand."""

from cambus.client.namespace import Commands
from cambus.schemas.commands import media_relay as media_relay_commands


class MediaRelayLiveCommands(Commands):
    """Commands to media-relay about live."""

    async def open(
        self, *, device: str, channel: int = 0, stream: str = "main", within_s: float | None = None
    ) -> media_relay_commands.LiveUrls:
        """Ask how to watch a stream.

        The command `media-relay.live.open`.

        Args:
            device: The device.
            channel: The channel, counted from 0.
            stream: An encoder stream, or a playback as `s-<session>`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            media_relay_commands.LIVE_OPEN, within_s, device=device, channel=channel, stream=stream
        )
