"""Replicas that died and have not come back: their disks may hold alarms that nobody else has."""

from collections.abc import Collection, Iterable

from cambus.cli.doctor.finding import Finding, note
from cambus.client.connection import Connection
from cambus.client.discovery import Instance
from cambus.client.errors import AssetNotFound
from cambus.client.kv import KeyValue
from cambus.schemas import keys
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.state.leases import OpenOutbox


async def read_open_outboxes(bus: Connection) -> list[OpenOutbox]:
    """Who has not said that nothing is left to send. Raises BusError."""
    try:
        found = await KeyValue(bus, KV_LEASES, OpenOutbox).items(f"{keys.OPEN_OUTBOXES}>")
    except AssetNotFound:
        return []
    return [entry.value for _, entry in sorted(found.items())]


def check_outboxes(outboxes: Iterable[OpenOutbox], running: Collection[Instance]) -> list[Finding]:
    """Which of them are of replicas that do not answer."""
    here = {(instance.name, instance.id) for instance in running}
    return [
        note(
            outbox.replica,
            f"did not stop in order, and is not back: alarms that {outbox.service} had told devices are safe "
            "may be on its disk",
            f"start it again, with its disk and its name (CAMBUS_INSTANCE={outbox.replica}), if only for a moment",
        )
        for outbox in outboxes
        if (outbox.service, outbox.replica) not in here
    ]
