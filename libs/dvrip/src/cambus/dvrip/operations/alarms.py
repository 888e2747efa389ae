"""Arming, network alarm inputs and alarm outputs (DVRIP §8, §12)."""

from typing import Any, Final

from cambus.dvrip.errors import MalformedPayload, Refused
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.bodies import named
from cambus.dvrip.operations.caller import Caller
from cambus.dvrip.operations.config import ConfigOperations, ConfigWritten

ALARM_OUT: Final = "Alarm.AlarmOut"


class AlarmOperations:
    """Alarms of one device.

    Attributes:
        is_guarded: whether alarms are to be pushed to this session.
    """

    def __init__(self, caller: Caller, config: ConfigOperations) -> None:
        self._caller = caller
        self._config = config
        self.is_guarded = False

    async def guard(self) -> None:
        """Have alarms pushed to this session; needed after every login."""
        await self._caller.call(MessageId.GUARD, {"Name": ""}, label="guard")
        self.is_guarded = True

    async def unguard(self) -> None:
        """Have alarms no longer pushed."""
        await self._caller.call(MessageId.UNGUARD, {"Name": ""}, label="unguard")
        self.is_guarded = False

    async def set_net_inputs(self, mask: int) -> None:
        """Set the network alarm inputs; bit i is input i."""
        body = named("OPNetAlarm", {"Event": 0, "State": mask})
        await self._caller.call(MessageId.NET_ALARM, body, label="network alarm")

    async def outputs(self) -> list[dict[str, Any]]:
        """Mode and state of all alarm outputs, as the device words them."""
        value = await self._config.get(ALARM_OUT)
        return [
            dict(item) for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)
        ]

    async def set_output(self, number: int, *, closed: bool) -> ConfigWritten:
        """Switch an alarm output by hand, in the device's own vocabulary (MANUAL or ManualAlarm).

        Raises:
            Refused: there is no such output.
            MalformedPayload: the device describes it as something else than an object.
        """

        def switch(value: Any) -> Any:
            outputs = value if isinstance(value, list) else [value]
            if not 0 <= number < len(outputs):
                raise Refused("out_of_range", f"alarm output {number} of {len(outputs)}")
            output = outputs[number]
            if not isinstance(output, dict):
                raise MalformedPayload(f"output {number} is no object", context=ALARM_OUT)
            long_names = str(output.get("AlarmOutType", "")).endswith("Alarm")
            output["AlarmOutType"] = "ManualAlarm" if long_names else "MANUAL"
            output["AlarmOutStatus"] = "CLOSE" if closed else "OPEN"
            return value

        return await self._config.edit(ALARM_OUT, switch)
