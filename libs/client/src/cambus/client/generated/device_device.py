"""Commands to a device about itself. Generated from the catalog by `make schemas`; not edited by hand."""

from datetime import datetime
from typing import Literal

from pydantic import JsonValue, SecretStr

from cambus.client.namespace import Commands
from cambus.schemas.commands import config as config_commands
from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import logs as logs_commands
from cambus.schemas.commands import serial as serial_commands
from cambus.schemas.commands import storage as storage_commands
from cambus.schemas.commands import users as users_commands
from cambus.schemas.model import Done
from cambus.schemas.objects import ObjectRef


class DeviceCommands(Commands):
    """Commands to a device about itself."""

    async def capabilities(self, *, within_s: float | None = None) -> device_commands.CapabilitiesReply:
        """Read what the device can do.

        The command `device.capabilities`.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(device_commands.CAPABILITIES, within_s)

    async def channels(
        self, *, after: int | None = None, limit: int = 512, within_s: float | None = None
    ) -> device_commands.DeviceChannelsReply:
        """List the channels, page by page.

        The command `device.channels`.

        Args:
            after: The last channel already known; None from the start.
            limit: At most this many channels.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(device_commands.CHANNELS, within_s, after=after, limit=limit)

    async def config_export(
        self, *, passphrase: SecretStr | None = None, within_s: float | None = None
    ) -> ObjectRef:
        """Fetch the whole configuration into the object store.

        The command `device.config.export`.

        Args:
            passphrase: To encrypt the export with, where the device can.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(config_commands.EXPORT, within_s, passphrase=passphrase)

    async def config_get(
        self, *, name: str, channel: int | None = None, default: bool = False, within_s: float | None = None
    ) -> config_commands.ConfigGetReply:
        """Read a setting.

        The command `device.config.get`.

        Args:
            name: The name in the device's protocol: a path or a block.
            channel: The channel, where the setting exists for each; None for the whole.
            default: True for what the factory set, not for what is set now.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(config_commands.GET, within_s, name=name, channel=channel, default=default)

    async def config_import(
        self,
        *,
        file: ObjectRef,
        passphrase: SecretStr | None = None,
        confirm: Literal[True],
        within_s: float | None = None,
    ) -> config_commands.ConfigImportReply:
        """Replace the whole configuration by an exported one.

        The command `device.config.import`.

        Args:
            file: The exported configuration; its digest is checked before anything is sent.
            passphrase: The export was encrypted with it.
            confirm: Must be true: settings are lost, and the device may become unreachable.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            config_commands.IMPORT, within_s, file=file, passphrase=passphrase, confirm=confirm
        )

    async def config_reset(
        self, *, sections: list[str], confirm: Literal[True], within_s: float | None = None
    ) -> config_commands.ConfigResetReply:
        """Bring settings back to what the factory set.

        The command `device.config.reset`.

        Args:
            sections: The groups in the device's own words; `all` for everything.
            confirm: Must be true: settings are lost, and the device may become unreachable.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(config_commands.RESET, within_s, sections=sections, confirm=confirm)

    async def config_set(
        self,
        *,
        name: str,
        channel: int | None = None,
        value: JsonValue,
        merge: bool = True,
        unchecked: bool = False,
        within_s: float | None = None,
    ) -> config_commands.ConfigSetReply:
        """Write a setting.

        The command `device.config.set`.

        Args:
            name: The name in the device's protocol: a path or a block.
            channel: The channel, where the setting exists for each; None for the whole.
            value: The value in the shape of the protocol.
            merge: True to change only the fields given, false to replace the whole.
            unchecked: True to send values outside their documented range too, for firmware that takes
                them.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            config_commands.SET,
            within_s,
            name=name,
            channel=channel,
            value=value,
            merge=merge,
            unchecked=unchecked,
        )

    async def groups_add(
        self, *, group: users_commands.DeviceGroup, confirm: Literal[True], within_s: float | None = None
    ) -> Done:
        """Add a group of accounts.

        The command `device.groups.add`.

        Args:
            group: The group.
            confirm: Must be true: who may use the device changes.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(users_commands.GROUP_ADD, within_s, group=group, confirm=confirm)

    async def groups_delete(
        self, *, name: str, confirm: Literal[True], within_s: float | None = None
    ) -> Done:
        """Delete a group.

        The command `device.groups.delete`.

        Args:
            name: The name of the group.
            confirm: Must be true: who may use the device changes.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(users_commands.GROUP_DELETE, within_s, name=name, confirm=confirm)

    async def groups_modify(
        self,
        *,
        name: str,
        group: users_commands.DeviceGroup,
        confirm: Literal[True],
        within_s: float | None = None,
    ) -> Done:
        """Change a group.

        The command `device.groups.modify`.

        Args:
            name: The present name of the group.
            group: What the group is to be; it may have another name.
            confirm: Must be true: who may use the device changes.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            users_commands.GROUP_MODIFY, within_s, name=name, group=group, confirm=confirm
        )

    async def info(self, *, within_s: float | None = None) -> device_commands.DeviceInfoReply:
        """Read what the device is.

        The command `device.info`.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(device_commands.INFO, within_s)

    async def logs_clear(self, *, confirm: Literal[True], within_s: float | None = None) -> Done:
        """Delete every entry of the device's log.

        The command `device.logs.clear`.

        Args:
            confirm: Must be true: every entry is lost.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(logs_commands.CLEAR, within_s, confirm=confirm)

    async def logs_export(self, *, within_s: float | None = None) -> ObjectRef:
        """Fetch the whole log in the device's own format into the object store.

        The command `device.logs.export`.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(logs_commands.EXPORT, within_s)

    async def logs_find(
        self,
        *,
        start: datetime,
        end: datetime,
        type: str | None = None,
        limit: int = 500,
        cursor: str | None = None,
        within_s: float | None = None,
    ) -> logs_commands.LogsFindReply:
        """Search the device's log.

        The command `device.logs.find`.

        Args:
            start: First instant of interest.
            end: First instant no longer of interest.
            type: A type of entry in the device's own words; None for every type.
            limit: At most this many entries.
            cursor: From the previous page; None for the first.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            logs_commands.FIND, within_s, start=start, end=end, type=type, limit=limit, cursor=cursor
        )

    async def logs_switch(
        self, *, enabled: bool, confirm: Literal[True], within_s: float | None = None
    ) -> Done:
        """Have the device write its log, or no longer.

        The command `device.logs.switch`.

        Args:
            enabled: True to write it.
            confirm: Must be true: without a log nobody knows who did what.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(logs_commands.SWITCH, within_s, enabled=enabled, confirm=confirm)

    async def reboot(self, *, confirm: Literal[True], within_s: float | None = None) -> Done:
        """Restart the device.

        The command `device.reboot`.

        Args:
            confirm: Must be true: every stream and recording is interrupted.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(device_commands.REBOOT, within_s, confirm=confirm)

    async def serial_close(self, *, session: str, within_s: float | None = None) -> Done:
        """Give a serial port back.

        The command `device.serial.close`.

        Args:
            session: The session of `device.serial.open`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(serial_commands.CLOSE, within_s, session=session)

    async def serial_open(
        self,
        *,
        kind: Literal["rs232", "rs485"] = "rs485",
        port: int = 0,
        baud: int = 9600,
        data_bits: int = 8,
        parity: Literal["none", "odd", "even", "mark", "space"] = "none",
        stop_bits: int = 1,
        ttl_s: float = 60.0,
        within_s: float | None = None,
    ) -> serial_commands.SerialOpenReply:
        """Take a serial port.

        The command `device.serial.open`.

        Args:
            kind: The kind of port.
            port: Its number among those of its kind, from 0.
            baud: Bits per second.
            data_bits: Data bits.
            parity: Parity.
            stop_bits: Stop bits.
            ttl_s: Seconds without a write after which it is given back.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            serial_commands.OPEN,
            within_s,
            kind=kind,
            port=port,
            baud=baud,
            data_bits=data_bits,
            parity=parity,
            stop_bits=stop_bits,
            ttl_s=ttl_s,
        )

    async def serial_write(self, *, session: str, data: bytes, within_s: float | None = None) -> Done:
        """Send bytes out of a serial port.

        The command `device.serial.write`.

        Args:
            session: The session of `device.serial.open`.
            data: The bytes; none only keeps the port.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(serial_commands.WRITE, within_s, session=session, data=data)

    async def shutdown(self, *, confirm: Literal[True], within_s: float | None = None) -> Done:
        """Switch the device off.

        The command `device.shutdown`.

        Args:
            confirm: Must be true: the device does not come back by itself.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(device_commands.SHUTDOWN, within_s, confirm=confirm)

    async def status(self, *, within_s: float | None = None) -> device_commands.DeviceStatusReply:
        """Read how the device is now.

        The command `device.status`.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(device_commands.STATUS, within_s)

    async def storage_format(
        self,
        *,
        disk: int | None = None,
        partition: int | None = None,
        confirm: Literal[True],
        within_s: float | None = None,
    ) -> storage_commands.StorageFormatReply:
        """Delete everything on a disk or partition.

        The command `device.storage.format`.

        Args:
            disk: The disk, from 0; None for every disk.
            partition: The partition, from 0; None for the whole disk.
            confirm: Must be true: every recording on it is lost.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            storage_commands.FORMAT, within_s, disk=disk, partition=partition, confirm=confirm
        )

    async def storage_list(self, *, within_s: float | None = None) -> storage_commands.StorageListReply:
        """List the disks.

        The command `device.storage.list`.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(storage_commands.LIST, within_s)

    async def storage_partition(
        self,
        *,
        disk: int,
        recording_bytes: int,
        snapshot_bytes: int = 0,
        confirm: Literal[True],
        within_s: float | None = None,
    ) -> Done:
        """Divide a disk anew, deleting everything on it.

        The command `device.storage.partition`.

        Args:
            disk: The disk, from 0.
            recording_bytes: Bytes for recordings.
            snapshot_bytes: Bytes for pictures.
            confirm: Must be true: every recording on it is lost.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            storage_commands.PARTITION,
            within_s,
            disk=disk,
            recording_bytes=recording_bytes,
            snapshot_bytes=snapshot_bytes,
            confirm=confirm,
        )

    async def storage_recover(self, *, disk: int, partition: int = 0, within_s: float | None = None) -> Done:
        """Repair a partition.

        The command `device.storage.recover`.

        Args:
            disk: The disk, from 0.
            partition: The partition, from 0.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(storage_commands.RECOVER, within_s, disk=disk, partition=partition)

    async def storage_set(
        self,
        *,
        disk: int,
        partition: int = 0,
        role: Literal["read-write", "read-only", "redundant", "snapshot"],
        within_s: float | None = None,
    ) -> Done:
        """Change what a partition is used for.

        The command `device.storage.set`.

        Args:
            disk: The disk, from 0.
            partition: The partition, from 0.
            role: What it is to be used for.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(storage_commands.SET, within_s, disk=disk, partition=partition, role=role)

    async def time_get(self, *, within_s: float | None = None) -> device_commands.DeviceTimeReply:
        """Read the device's clock.

        The command `device.time.get`.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(device_commands.TIME_GET, within_s)

    async def time_set(
        self, *, time: datetime | None = None, within_s: float | None = None
    ) -> device_commands.DeviceTimeReply:
        """Set the device's clock.

        The command `device.time.set`.

        Args:
            time: The instant to set; None for now, the usual case.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(device_commands.TIME_SET, within_s, time=time)

    async def users_add(
        self,
        *,
        user: users_commands.DeviceUser,
        password: SecretStr,
        confirm: Literal[True],
        within_s: float | None = None,
    ) -> Done:
        """Add an account.

        The command `device.users.add`.

        Args:
            user: The account.
            password: Its password.
            confirm: Must be true: who may use the device changes.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(users_commands.ADD, within_s, user=user, password=password, confirm=confirm)

    async def users_delete(self, *, name: str, confirm: Literal[True], within_s: float | None = None) -> Done:
        """Delete an account.

        The command `device.users.delete`.

        Args:
            name: The name of the account.
            confirm: Must be true: who may use the device changes.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(users_commands.DELETE, within_s, name=name, confirm=confirm)

    async def users_list(self, *, within_s: float | None = None) -> users_commands.UsersListReply:
        """List accounts, groups and authorities.

        The command `device.users.list`.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(users_commands.LIST, within_s)

    async def users_modify(
        self,
        *,
        name: str,
        user: users_commands.DeviceUser,
        confirm: Literal[True],
        within_s: float | None = None,
    ) -> Done:
        """Change an account.

        The command `device.users.modify`.

        Args:
            name: The present name of the account.
            user: What the account is to be; it may have another name.
            confirm: Must be true: who may use the device changes.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(users_commands.MODIFY, within_s, name=name, user=user, confirm=confirm)

    async def users_password(
        self,
        *,
        name: str,
        old: SecretStr | None = None,
        new: SecretStr,
        confirm: Literal[True],
        within_s: float | None = None,
    ) -> Done:
        """Change the password of an account.

        The command `device.users.password`.

        Args:
            name: The name of the account.
            old: The present password, where the device wants it; None if it is the account Cambus
                itself uses.
            new: The new password; for the account Cambus uses it is stored before it is sent.
            confirm: Must be true: who may use the device changes.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            users_commands.PASSWORD, within_s, name=name, old=old, new=new, confirm=confirm
        )
