"""Writing devices and their credentials to the bus, so that a connector never sees one without the other."""

from collections.abc import Sequence
from datetime import UTC, datetime

from cambus.bus.sealing import KeyRing
from cambus.cli.device_plan import Action, Present, Step
from cambus.client.connection import Connection
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_CREDENTIALS, KV_DEVICES
from cambus.schemas.state.credentials import SealedCredentials
from cambus.schemas.state.devices import DeviceRecord


class StoppedHalfWayError(Exception):
    """A step failed: what was done before it is done, what comes after it is not."""

    def __init__(self, done: Sequence[Step], failed: Step, left: Sequence[Step], cause: Exception) -> None:
        super().__init__(f"{failed.device}: {cause}")
        self.done = list(done)
        self.failed = failed
        self.left = list(left)
        self.cause = cause


class DeviceWriter:
    """The device records and the sealed credentials of one NATS.

    Args:
        bus: the connection.
        keys: seal credentials; None if there are none to seal.
    """

    def __init__(self, bus: Connection, keys: KeyRing | None) -> None:
        self._keys = keys
        self._records = KeyValue(bus, KV_DEVICES, DeviceRecord)
        self._sealed = KeyValue(bus, KV_CREDENTIALS, SealedCredentials)

    async def present(self) -> Present:
        """Read what is there. Raises BusError."""
        records = await self._records.items()
        sealed = {name: entry.value for name, entry in (await self._sealed.items()).items()}
        return Present(records, sealed)

    async def write(self, steps: Sequence[Step]) -> list[Step]:
        """Take the steps, one after the other; return those that changed something.

        Raises:
            StoppedHalfWayError: one failed; applying again goes on from there.
        """
        done: list[Step] = []
        steps = [step for step in steps if step.action is not Action.KEEP]
        for number, step in enumerate(steps):
            try:
                await self._write(step)
            except Exception as error:
                raise StoppedHalfWayError(done, step, steps[number + 1 :], error) from error
            done.append(step)
        return done

    async def _write(self, step: Step) -> None:
        if step.seal is not None:
            if self._keys is None:
                raise ValueError("no key to seal credentials with")
            await self._sealed.put(step.device, self._keys.seal(step.seal, step.device))
        if step.record is not None:
            record = step.record.model_copy(update={"updated_at": datetime.now(UTC)})
            if step.revision is None:
                await self._records.create(step.device, record)
            else:
                await self._records.update(step.device, record, step.revision)
        elif step.action is Action.REMOVE:
            await self._records.delete(step.device, step.revision)
        if step.drop is not None:
            await self._sealed.delete(step.drop)
