"""Commands to media-relay about token. Generated from the catalog by `make schemas`; not edited by hand."""

from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import media_relay as media_relay_commands


class MediaRelayTokenCommands(Commands):
    """Commands to media-relay about token."""

    async def issue(
        self,
        *,
        device: str,
        channel: int = 0,
        stream: str = "main",
        purpose: Literal["live", "playback", "snapshot", "talk", "page"] = "live",
        within_s: float | None = None,
    ) -> media_relay_commands.IssuedToken:
        """Get a token that opens one stream once, at any relay.

        The command `media-relay.token.issue`.

        Args:
            device: The device.
            channel: The channel, counted from 0.
            stream: An encoder stream, or a playback as `s-<session>`.
            purpose: What it is for: `playback` for `s-<session>`, `live` for any other stream,
                `snapshot` for a JPEG of either, `talk` to speak, `page` for the page and whatever can
                be done there.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            media_relay_commands.TOKEN_ISSUE,
            within_s,
            device=device,
            channel=channel,
            stream=stream,
            purpose=purpose,
        )
