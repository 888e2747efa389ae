"""The device's disks (DVRIP §7.1, §7.5)."""

from typing import Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.mapping.device import MIB, disks_of
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.operations.machine import PartitionType
from cambus.schemas.commands import storage as commands
from cambus.schemas.errors import NotFound
from cambus.schemas.model import Done, Empty

_TYPES: Final = {
    "read-write": PartitionType.READ_WRITE,
    "read-only": PartitionType.READ_ONLY,
    "redundant": PartitionType.REDUNDANT,
    "snapshot": PartitionType.SNAPSHOT,
}


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.LIST, list_)
    add(table, commands.FORMAT, format_)
    add(table, commands.SET, set_, during_upgrade=False)
    add(table, commands.RECOVER, recover, during_upgrade=False)
    add(table, commands.PARTITION, partition)


async def list_(session: DvripSession, _request: Empty) -> commands.StorageListReply:
    """List the disks."""
    return commands.StorageListReply(disks=disks_of(await session.client.system.storage(), session.zone))


async def format_(
    session: DvripSession, request: commands.StorageFormatRequest
) -> commands.StorageFormatReply:
    """Delete everything on a partition, a disk, or all disks: partition by partition, as the device wants it."""
    disks = await session.client.system.storage()
    wanted = [
        (disk.number, number)
        for disk in disks
        if request.disk in (None, disk.number)
        for number in range(len(disk.partitions))
        if request.partition in (None, number)
    ]
    if not wanted:
        raise NotFound("there is no such disk or partition", reason="no-such-disk")
    for disk_number, number in wanted:
        await session.client.machine.clear_partition(disk_number, number, confirm=True)
    return commands.StorageFormatReply(done=True)


async def set_(session: DvripSession, request: commands.StorageSetRequest) -> Done:
    """Change what a partition is used for."""
    kind = _TYPES[request.role]
    await session.client.machine.set_partition_type(request.disk, request.partition, kind)
    return Done()


async def recover(session: DvripSession, request: commands.StorageRecoverRequest) -> Done:
    """Let the device repair a partition."""
    await session.client.machine.recover_partition(request.disk, request.partition)
    return Done()


async def partition(session: DvripSession, request: commands.StoragePartitionRequest) -> Done:
    """Divide a disk anew."""
    await session.client.machine.partition(
        request.disk, request.recording_bytes // MIB, request.snapshot_bytes // MIB, confirm=True
    )
    return Done()
