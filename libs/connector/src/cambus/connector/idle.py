"""A device that is not to be connected, or can not be: its presence says why, and nothing else happens."""

import asyncio
import contextlib

from cambus.client.errors import BusError
from cambus.connector.device_presence import DevicePresence, epoch_after
from cambus.connector.ending import end
from cambus.connector.errors import EndReason, InvalidRecord
from cambus.connector.registry import Desired
from cambus.connector.surroundings import Surroundings
from cambus.schemas.state.presence import DeviceState


class IdleUnit:
    """Stands in for a device that is disabled or whose record can not work.

    Args:
        record: what is left of the device.
        around: what all devices share.
        epoch: the lease revision it is held under.
        problem: what is wrong with the record; None: it is disabled.
    """

    session = None
    busy = False

    def __init__(
        self, record: Desired, around: Surroundings, *, epoch: int, problem: InvalidRecord | None
    ) -> None:
        self.record = record
        self.epoch = epoch
        self._around = around
        self._problem = problem
        self._task: asyncio.Task[None] | None = None
        self._state: DeviceState | None = None
        self.presence = DevicePresence(record.id, around.protocol, around.replica, around.board.show)

    @property
    def id(self) -> str:
        """The device."""
        return self.record.id

    def start(self) -> None:
        """Show how it is."""
        self._task = asyncio.create_task(self._show(), name=f"idle {self.id}")

    async def stop(self, reason: EndReason) -> None:  # noqa: ARG002 - it has no session to end for a reason
        """Nothing more is shown."""
        if self._task is not None:
            await end(self._task)
        self._around.sessions.moved(self._state, None)
        self._state = None

    async def renewed(self, epoch: int) -> None:
        """The device is held under a new epoch."""
        self.epoch = epoch
        self.presence.renewed(epoch)

    def credentials_changed(self, name: str) -> None:
        """No credential helps."""

    async def _show(self) -> None:
        with contextlib.suppress(BusError):
            last = await self._around.board.last(self.id)
            self.presence.adopt(last)
            self.epoch = epoch_after(last, self.epoch)
        if self._problem is None:
            self.presence.disabled(self.epoch)
        else:
            self.presence.offline(self._problem, self.epoch, None)
            self._around.sessions.failed(EndReason.INVALID_RECORD)
        self._state = self.presence.current.state
        self._around.sessions.moved(None, self._state)
