"""A device we dial: whenever there is no session, another try follows.

disconnected --> connecting --> online
     ^               |            |
     +-- back-off <--+------------+
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cambus.client.errors import BusError
from cambus.connector.backoff import Backoff
from cambus.connector.device_presence import epoch_after
from cambus.connector.driver import DeviceSession, Driver
from cambus.connector.errors import CredentialsRefused, EndReason, SessionEnd
from cambus.connector.surroundings import Surroundings
from cambus.connector.unit import DeviceUnit
from cambus.schemas import keys
from cambus.schemas.events import device as device_events
from cambus.schemas.keys import shard_of
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import DeviceState

REBOOT_POLL_S: Final = 5.0
"""How often a device that restarts is tried at least: it is expected back, not away."""

REBOOT_S: Final = 300.0
"""How long a device may take to restart before it counts as away."""

UNOWNED_LOOK_S: Final = 0.5
"""How often a device without a session is looked at while it is not certain that it is ours."""

NO_MATTER_WHICH: Final = frozenset({"locked", "blacklisted"})
"""Refusals whatever the password: another one would not open, and may count as one more wrong one."""

_REFUSED: Final = frozenset({DeviceState.CREDENTIALS_REJECTED, DeviceState.LOCKED})


class DialledUnit(DeviceUnit):
    """A device that is dialled by the holder of its shard.

    Args:
        record: what the device is to be.
        driver: makes it.
        around: what all devices share.
        epoch: the lease revision it is held under.
        owned: whether the lease is certainly ours at this instant.

    Raises:
        InvalidRecord: the driver can not work with the record.
    """

    def __init__(
        self,
        record: DeviceRecord,
        driver: Driver[Any],
        around: Surroundings,
        *,
        epoch: int,
        owned: Callable[[], bool],
    ) -> None:
        self._owned = owned
        self._backoff = Backoff(around.backoff)
        self._retry = asyncio.Event()
        self._expected_until = 0.0
        self._shown: bytes | None = None
        self._wrong = 1
        super().__init__(record, driver, around, epoch=epoch)

    def owned(self) -> bool:
        """Whether this replica certainly holds the device at this instant."""
        return self._owned()

    def noted(self, what: str, at: float | None = None) -> None:
        """Have in the history of leases what is done under this one."""
        history = self._around.history
        if history:
            key = keys.shard_lease(self._around.protocol, shard_of(self.id))
            history.write(what, key, history.now() if at is None else at, device=self.id, epoch=self.epoch)

    async def renewed(self, epoch: int) -> None:
        """The device is held under a new epoch: say so on presence and replies."""
        await self._renew(epoch)

    def credentials_changed(self, name: str) -> None:
        """A credential was written: if it is this device's and it is not online, it is tried at once.

        Not if it says what was refused before: sealed with another key, or stored once more, it is no other.
        """
        reference = self.record.credentials
        if reference is None or reference.name != name or self.session is not None:
            return
        if self._backoff.refusals == 0 or self._is_another():
            self._backoff.reset()
            self._retry.set()

    # --- one try after the other ------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._take_over()
            self._move(DeviceState.CONNECTING)
            self.presence.connecting(self.epoch)
            while not self._stopping:  # a cancellation may get lost in what ends in the same turn
                await self._until_owned()
                ended = await self._episode(self._connect)
                if not self._stopping:
                    await self._wait(self._report(ended))
        finally:
            await self._finish()

    async def _take_over(self) -> None:
        """Go on from what the last holder showed; a credential it saw refused is not tried sooner here."""
        try:
            last = await self._around.board.last(self.id)
        except BusError:
            return
        self.presence.adopt(last)
        self.epoch = epoch_after(last, self.epoch)
        if last is None or last.retry_at is None or last.state not in _REFUSED:
            return
        reference = self.record.credentials
        written = None if reference is None else self._around.credentials.written(reference.name)
        refused_at = last.last_error.at if last.last_error else None
        if written is None or refused_at is None or written < refused_at:
            self._backoff.resume((last.retry_at - refused_at).total_seconds() if refused_at else 0.0)
            self._move(last.state)
            self.presence.renewed(self.epoch)
            await self._wait(min((last.retry_at - datetime.now(UTC)).total_seconds(), 1800.0))

    async def _until_owned(self) -> None:
        """A session may outlive the lease, but is opened under it only: by now another may have the device."""
        at = self._around.history.now()
        while not self._owned():
            await self._wait(UNOWNED_LOOK_S)
            at = self._around.history.now()
        self.noted("dialled", at)

    async def _connect(self) -> DeviceSession:
        """Log in with the stored account; if that is refused, with the one before it, if there is one."""
        reference = self.record.credentials
        if reference is None:
            session: DeviceSession = await self._device.connect(None)
            return session
        credentials = self._around.credentials.open(reference.name)
        self._shown, self._wrong = self._around.credentials.fingerprint(reference.name), 1
        try:
            session = await self._device.connect(credentials)
        except CredentialsRefused as refusal:
            if credentials.previous_password is None or refusal.detail in NO_MATTER_WHICH:
                raise
            before = Credentials(username=credentials.username, password=credentials.previous_password)
            self._wrong = 2
            session = await self._device.connect(before)
            await self.replace_credentials(before)
            return session
        if credentials.previous_password is not None:
            await self.replace_credentials(credentials.model_copy(update={"previous_password": None}))
        return session

    async def _wait(self, delay_s: float) -> None:
        """Sleep, unless there is reason to try at once."""
        self._retry.clear()
        try:
            async with asyncio.timeout(max(delay_s, 0.0)):
                await self._retry.wait()
        except TimeoutError:
            return

    def _came_up(self, now: float) -> None:
        self._backoff.online(now)

    # --- why, and when again ----------------------------------------------------------------------------

    def _report(self, end: SessionEnd) -> float:
        """Show why there is no session; return the seconds until the next try."""
        delay_s = self._delay(end)
        retry_at = datetime.now(UTC) + timedelta(seconds=delay_s)
        self.presence.offline(end, self.epoch, retry_at)
        self._move(self.presence.current.state)
        self._log_away(end, retry_s=round(delay_s, 1))
        if isinstance(end, CredentialsRefused):
            self.spawn(self._tell_refused(end, retry_at), "refusal")
        return delay_s

    def _delay(self, end: SessionEnd) -> float:
        if isinstance(end, CredentialsRefused):
            if self._shown is not None and self._is_another():  # it was changed while this one was tried
                self._backoff.reset()
                return 0.0
            return self._backoff.refused(self._wrong)
        now = asyncio.get_running_loop().time()
        if end.reason is EndReason.REBOOTING:
            self._expected_until = now + REBOOT_S
        # What a device can not do it will not learn in a minute, and each try costs it a login.
        never = end.reason is EndReason.UNSUPPORTED
        delay_s = self._backoff.refused() if never else self._backoff.failed(now)
        expected = self.presence.upgrading or now < self._expected_until
        return min(delay_s, REBOOT_POLL_S) if expected else delay_s

    def _is_another(self) -> bool:
        """Whether the account that is stored is not the one that was shown last."""
        reference = self.record.credentials
        return reference is not None and self._around.credentials.fingerprint(reference.name) != self._shown

    async def _tell_refused(self, end: CredentialsRefused, retry_at: datetime) -> None:
        await self.events.tell(
            device_events.AUTH_FAILED,
            reason=end.detail,
            text=end.text,
            direction="to-device",
            retry_at=retry_at,
        )
