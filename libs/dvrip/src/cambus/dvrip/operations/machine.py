"""Clock, restart, defaults and disks (DVRIP §7.5)."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from cambus.dvrip.codes import RESTART_NEEDED
from cambus.dvrip.errors import ConnectionLost, MalformedPayload
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.bodies import named, value_of
from cambus.dvrip.operations.caller import Caller, require_confirm
from cambus.dvrip.operations.config import ConfigWritten
from cambus.dvrip.values import format_time, parse_time

#: Everything restoring defaults can restore.
DEFAULT_GROUPS: Final = (
    "Account",
    "Alarm",
    "CommPtz",
    "Encode",
    "General",
    "NetCommon",
    "NetServer",
    "Preview",
    "Record",
)


class PartitionType(StrEnum):
    """What a partition is to be used for, or its data."""

    READ_WRITE = "ReadWrite"
    READ_ONLY = "ReadOnly"
    REDUNDANT = "Redundant"
    SNAPSHOT = "SnapShot"
    DATA = "Data"


class MachineOperations:
    """Commands to the machine itself. What destroys something needs ``confirm=True``."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def time(self) -> datetime:
        """The device's clock, local to it and without a zone.

        Raises:
            MalformedPayload: the device answered with something else.
        """
        reply = await self._caller.call(MessageId.TIME_QUERY, named("OPTimeQuery"), label="time")
        time = parse_time(value_of(reply.body, "OPTimeQuery"), self._caller.counters)
        if time is None:
            raise MalformedPayload("no time in the reply", context="OPTimeQuery")
        return time

    async def set_time(self, time: datetime) -> None:
        """Set the device's clock to ``time``, local to it."""
        body = named("OPTimeSetting", format_time(time))
        await self._caller.call(MessageId.SYSTEM_MANAGER, body, label="setting the time")

    async def set_utc_time(self, time: datetime) -> None:
        """Set the clock of newer devices, in UTC."""
        body = named("OPUTCTimeSetting", format_time(time))
        await self._caller.call(MessageId.SYSTEM_MANAGER, body, label="setting the time")

    async def sync_time(self, time: datetime) -> None:
        """Give the time, local to the device, to one without a clock chip (1590)."""
        body = named("OPTimeSettingNoRTC", format_time(time))
        await self._caller.call(MessageId.LOGIN_TIME_SYNC, body, label="setting the time")

    async def reboot(self) -> None:
        """Restart the device. It may cut the connection before it answers: that is success too."""
        await self._machine("Reboot")

    async def shutdown(self, *, confirm: bool = False) -> None:
        """Switch the device off.

        Raises:
            Refused: not confirmed.
        """
        require_confirm("switching off", confirm=confirm)
        await self._machine("ShutDown")

    async def clear_log(self, *, confirm: bool = False) -> None:
        """Delete the device's log.

        Raises:
            Refused: not confirmed.
        """
        require_confirm("deleting the log", confirm=confirm)
        body = named("OPLogManager", {"Action": "RemoveAll"})
        await self._caller.call(MessageId.SYSTEM_MANAGER, body, label="deleting the log")

    async def keep_log(self, *, on: bool, confirm: bool = False) -> None:
        """Have the device write its log, or no longer.

        Raises:
            Refused: switching it off was not confirmed.
        """
        if not on:
            require_confirm("switching the log off", confirm=confirm)
        body = named("OPLogManager", {"Action": "LogOn" if on else "LogOff"})
        await self._caller.call(MessageId.SYSTEM_MANAGER, body, label="switching the log")

    async def restore_defaults(self, groups: set[str], *, confirm: bool = False) -> ConfigWritten:
        """Restore the factory settings of the named groups (`DEFAULT_GROUPS`, or newer ones such as ``Factory``).

        All keys of `DEFAULT_GROUPS` are sent, as devices want it. 522 is success that needs a restart.

        Raises:
            Refused: not confirmed.
            DeviceError: 521 it failed, 523 the device does not know a group.
        """
        require_confirm("restoring defaults", confirm=confirm)
        flags = dict.fromkeys(DEFAULT_GROUPS, False) | dict.fromkeys(sorted(groups), True)
        reply = await self._caller.call(
            MessageId.SYSTEM_MANAGER,
            named("OPDefaultConfig", flags),
            timeout="config_import",
            label="defaults",
        )
        code = reply.code if reply.code is not None else 100
        return ConfigWritten(code, code in RESTART_NEEDED)

    async def set_partition_type(self, disk: int, partition: int, kind: PartitionType) -> None:
        """Change what a partition is used for."""
        action = {"Action": "SetType", "SerialNo": disk, "PartNo": partition, "Type": kind}
        await self._disk(action, "request")

    async def recover_partition(self, disk: int, partition: int) -> None:
        """Repair a partition."""
        await self._disk({"Action": "Recover", "SerialNo": disk, "PartNo": partition}, "format")

    async def clear_partition(self, disk: int, partition: int, *, confirm: bool = False) -> None:
        """Format a partition: its recordings are gone.

        Raises:
            Refused: not confirmed.
        """
        require_confirm("formatting", confirm=confirm)
        action = {"Action": "Clear", "SerialNo": disk, "PartNo": partition, "Type": PartitionType.DATA}
        await self._disk(action, "format")

    async def partition(
        self, disk: int, record_mib: int, snapshot_mib: int, *, confirm: bool = False
    ) -> None:
        """Divide a disk anew: everything on it is gone.

        Raises:
            Refused: not confirmed.
        """
        require_confirm("partitioning", confirm=confirm)
        sizes = [{"Record": record_mib}, {"SnapShot": snapshot_mib}]
        await self._disk({"Action": "Partition", "SerialNo": disk, "PartitionSize": sizes}, "config_import")

    async def _disk(self, action: dict[str, Any], timeout: str) -> None:
        body = named("OPStorageManager", action)
        label = f"disk {action['Action']}"
        await self._caller.call(MessageId.DISK_MANAGER, body, timeout=timeout, label=label)

    async def _machine(self, action: str) -> None:
        body = named("OPMachine", {"Action": action})
        try:
            await self._caller.call(MessageId.SYSTEM_MANAGER, body, label=action)
        except ConnectionLost:
            return  # it went down before it could answer
