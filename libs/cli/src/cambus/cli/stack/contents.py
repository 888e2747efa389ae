"""What a fresh stack is given: the devices of a file, and something to record."""

from pathlib import Path

from cambus.bus.connection import Bus
from cambus.bus.sealing import KeyRing
from cambus.cli.device_plan import Step, plan, wanted_devices
from cambus.cli.device_writer import DeviceWriter
from cambus.cli.devices_file import DeviceEntry
from cambus.client.calling import BusClient
from cambus.schemas.commands import recorder
from cambus.schemas.model import Empty
from cambus.schemas.state.recording_policy import RecordingPolicy, Retention

DEFAULT_POLICY = "everything"


async def apply_devices(bus: Bus, path: Path, entries: list[DeviceEntry], key_file: Path) -> list[Step]:
    """Make the devices of a file known; those it does not name stay.

    Raises:
        DevicesFileError: the file is not right.
        StoppedHalfWayError: a device could not be written.
    """
    keys = KeyRing.load(key_file)
    writer = DeviceWriter(bus, keys)
    steps = plan(wanted_devices(path, entries), await writer.present(), keys, prune=False)
    await writer.write(steps)
    return steps


async def record_everything(bus: Bus, *, keep_s: int, keep_bytes: int) -> bool:
    """Record all devices around the clock unless there is a policy already; returns whether there was none.

    Raises:
        CambusError: the recorder refuses or does not answer.
    """
    client = BusClient(bus)
    if (await client.call(recorder.POLICY_LIST, Empty())).policies:
        return False
    policy = RecordingPolicy(
        id=DEFAULT_POLICY,
        name="Everything, around the clock",
        retention=Retention(max_age_s=keep_s, max_bytes=keep_bytes),
    )
    await client.call(recorder.POLICY_SET, recorder.PolicySetRequest(policy=policy))
    return True
