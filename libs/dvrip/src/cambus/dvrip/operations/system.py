"""What the device is, has and can do (DVRIP §7.1, §7.2)."""

from typing import Any

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.errors import DeviceError, Unsupported
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.ability import (
    ENCODE_CAPABILITY,
    SYSTEM_FUNCTION,
    EncodeCapability,
    SystemFunctions,
    TalkFormat,
    parse_talk_formats,
)
from cambus.dvrip.messages.bodies import named, value_of
from cambus.dvrip.messages.system import (
    STORAGE_INFO,
    SYSTEM_INFO,
    WORK_STATE,
    Disk,
    SystemInfo,
    WorkState,
    parse_storage,
)
from cambus.dvrip.operations.caller import Caller


class SystemOperations:
    """Information and abilities."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def query(self, name: str) -> Any:
        """The value of any information name (1020).

        Raises:
            Unsupported: the device does not know the name.
            DvripError: anything else.
        """
        reply = await self._caller.call(MessageId.SYSTEM_INFO, named(name), label=name)
        return value_of(reply.body, name)

    async def info(self) -> SystemInfo:
        """Serial number, versions, number of channels."""
        return SystemInfo.parse(await self.query(SYSTEM_INFO), self._caller.counters)

    async def storage(self) -> list[Disk]:
        """Disks and their partitions."""
        return parse_storage(await self.query(STORAGE_INFO), self._caller.counters)

    async def work_state(self) -> WorkState:
        """Active alarms, bit rate and recording per channel."""
        return WorkState.parse(await self.query(WORK_STATE))

    async def ability(self, name: str, *, message_id: int = MessageId.ABILITY_GET) -> Any:
        """The value of an ability (1360, or 1362 for one channel); None when the device lacks it."""
        try:
            reply = await self._caller.call(message_id, named(name), label=name)
        except Unsupported:
            return None
        except DeviceError as error:
            if error.code == ReturnCode.ILLEGAL_REQUEST:
                return None
            raise
        return value_of(reply.body, name)

    async def functions(self) -> SystemFunctions:
        """The feature switches; all off when the device has none."""
        return SystemFunctions.parse(await self.ability(SYSTEM_FUNCTION))

    async def encode_capability(self) -> EncodeCapability:
        """What the encoder can do."""
        return EncodeCapability.parse(await self.ability(ENCODE_CAPABILITY))

    async def talk_formats(self) -> list[TalkFormat]:
        """What the device takes for talk; empty when it does not say."""
        return parse_talk_formats(await self.ability("TalkAudioFormat"))
