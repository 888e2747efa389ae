"""Commands to a device about native. Generated from the catalog by `make schemas`; not edited by hand."""

from pydantic import JsonValue

from cambus.client.namespace import Commands
from cambus.schemas.commands import native as native_commands


class NativeCommands(Commands):
    """Commands to a device about native."""

    async def call(
        self,
        *,
        protocol: str,
        message: JsonValue = None,
        data: bytes | None = None,
        confirm: bool = False,
        timeout_s: float = 10.0,
        within_s: float | None = None,
    ) -> native_commands.NativeCallReply:
        """Send any message of the device's protocol.

        The command `native.call`.

        Args:
            protocol: The protocol the message is of; refused if the device speaks another.
            message: The message, as the table above says.
            data: A binary body, for messages that carry one.
            confirm: Must be true for every message not known to only read.
            timeout_s: Seconds to wait for the answer.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            native_commands.CALL,
            within_s,
            protocol=protocol,
            message=message,
            data=data,
            confirm=confirm,
            timeout_s=timeout_s,
        )
