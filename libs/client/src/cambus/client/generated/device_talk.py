"""Commands to a device about talk. Generated from the catalog by `make schemas`; not edited by hand."""

from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import talk as talk_commands
from cambus.schemas.model import Done


class TalkCommands(Commands):
    """Commands to a device about talk."""

    async def start(
        self,
        *,
        channel: int | None = None,
        claimant: str = "anyone",
        codec: Literal["pcma", "pcmu", "g726", "g722", "aac", "adpcm", "other"] | None = None,
        listen: bool = True,
        within_s: float | None = None,
    ) -> talk_commands.TalkStartReply:
        """Speak through the device.

        The command `talk.start`.

        Args:
            channel: The camera with the loudspeaker; None for the device's own.
            claimant: Who talks, for the log.
            codec: The codec to send; None for what the device likes best.
            listen: Whether the device's microphone is wanted too.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            talk_commands.START, within_s, channel=channel, claimant=claimant, codec=codec, listen=listen
        )

    async def stop(self, *, session: str, within_s: float | None = None) -> Done:
        """Stop speaking through the device.

        The command `talk.stop`.

        Args:
            session: The session of `talk.start`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(talk_commands.STOP, within_s, session=session)
