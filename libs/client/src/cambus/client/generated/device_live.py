"""Commands to a device about live. Generated from the catalog by `make schemas`; not edited by hand."""

from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import live as live_commands
from cambus.schemas.model import Done


class LiveCommands(Commands):
    """Commands to a device about live."""

    async def keyframe(
        self,
        *,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        within_s: float | None = None,
    ) -> Done:
        """Ask the encoder for a key frame now.

        The command `live.keyframe`.

        Args:
            channel: The channel, counted from 0.
            stream: Which encoder of the channel.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(live_commands.KEYFRAME, within_s, channel=channel, stream=stream)

    async def start(
        self,
        *,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        claimant: str,
        ttl_s: float = 30.0,
        within_s: float | None = None,
    ) -> live_commands.LiveStartReply:
        """Claim a live stream and learn where its frames flow.

        The command `live.start`.

        Args:
            channel: The channel, counted from 0.
            stream: Which encoder of the channel.
            claimant: Who claims; one claimant holds at most one claim on a stream.
            ttl_s: Seconds until the claim lapses unless touched.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            live_commands.START, within_s, channel=channel, stream=stream, claimant=claimant, ttl_s=ttl_s
        )

    async def stop(
        self,
        *,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        claimant: str,
        within_s: float | None = None,
    ) -> Done:
        """Give a claim on a live stream back.

        The command `live.stop`.

        Args:
            channel: The channel, counted from 0.
            stream: Which encoder of the channel.
            claimant: Who gives the claim back.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            live_commands.STOP, within_s, channel=channel, stream=stream, claimant=claimant
        )

    async def touch(
        self,
        *,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        claimant: str,
        ttl_s: float = 30.0,
        within_s: float | None = None,
    ) -> live_commands.LiveStartReply:
        """Renew a claim on a live stream.

        The command `live.touch`.

        Args:
            channel: The channel, counted from 0.
            stream: Which encoder of the channel.
            claimant: Who claims; one claimant holds at most one claim on a stream.
            ttl_s: Seconds until the claim lapses unless touched.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            live_commands.TOUCH, within_s, channel=channel, stream=stream, claimant=claimant, ttl_s=ttl_s
        )
