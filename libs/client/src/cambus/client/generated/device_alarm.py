"""Commands to a device about alarm. Generated from the catalog by `make schemas`; not edited by hand."""

from cambus.client.namespace import UNSET, Commands, Unset
from cambus.schemas.alarms import AlarmType
from cambus.schemas.commands import alarm as alarm_commands
from cambus.schemas.model import Done


class AlarmCommands(Commands):
    """Commands to a device about alarm."""

    async def arm(
        self,
        *,
        channel: int | None = None,
        types: list[AlarmType] | Unset = UNSET,
        within_s: float | None = None,
    ) -> Done:
        """Make the device report alarms.

        The command `alarm.arm`.

        Args:
            channel: The channel, counted from 0; None for the device.
            types: Only these, where the device can choose; none for all.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(alarm_commands.ARM, within_s, channel=channel, types=types)

    async def disarm(
        self,
        *,
        channel: int | None = None,
        types: list[AlarmType] | Unset = UNSET,
        within_s: float | None = None,
    ) -> Done:
        """Make the device keep quiet.

        The command `alarm.disarm`.

        Args:
            channel: The channel, counted from 0; None for the device.
            types: Only these, where the device can choose; none for all.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(alarm_commands.DISARM, within_s, channel=channel, types=types)

    async def inputs_set(self, *, active: list[int], within_s: float | None = None) -> Done:
        """Switch the network alarm inputs of the device.

        The command `alarm.inputs.set`.

        Args:
            active: The inputs that are on, counted from 0; every other is off.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(alarm_commands.INPUTS_SET, within_s, active=active)

    async def output_set(
        self, *, output: int, active: bool, duration_s: float | None = None, within_s: float | None = None
    ) -> Done:
        """Switch an alarm output.

        The command `alarm.output.set`.

        Args:
            output: Its number, from 0.
            active: True to switch it on.
            duration_s: Seconds after which it is switched back; None for never.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            alarm_commands.OUTPUT_SET, within_s, output=output, active=active, duration_s=duration_s
        )

    async def reset(
        self, *, channel: int | None = None, type: AlarmType | None = None, within_s: float | None = None
    ) -> Done:
        """Acknowledge alarms on the device.

        The command `alarm.reset`.

        Args:
            channel: The channel, counted from 0; None for the device.
            type: Only alarms of this type; None for every one.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(alarm_commands.RESET, within_s, channel=channel, type=type)
